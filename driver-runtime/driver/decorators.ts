import type { z } from "zod";
import { DriverError } from "../errors.ts";
import type { Event } from "../events/event.ts";
import { METADATA } from "../symbol-metadata.ts";
import type { CallContext, Context } from "./context.ts";
import {
  DEFINITION,
  type DriverConstructor,
  type DriverDefinition,
  type DriverOptions,
  type HandlerDefinition,
  type MethodDefinition,
} from "./definition.ts";
import type { Driver } from "./driver.ts";

const OPTIONS = Symbol.for("vextir.driver.options");
const HANDLERS = Symbol.for("vextir.driver.handlers");
const METHODS = Symbol.for("vextir.driver.methods");

interface Decorated {
  [OPTIONS]?: DriverOptions;
  [HANDLERS]?: readonly HandlerDefinition[];
  [METHODS]?: readonly MethodDefinition[];
}

type AnyDriver = Driver<z.ZodType>;
type MethodContext = ClassMethodDecoratorContext<AnyDriver>;

/** Says what the class is; standard decorators only. */
export function driver<C extends z.ZodType>(options: DriverOptions<C>) {
  return (_target: DriverConstructor, context: ClassDecoratorContext): void => {
    (context.metadata as Decorated)[OPTIONS] = options;
  };
}

export interface OnOptions {
  /** Only what this subscription of the Driver object brings. */
  subscription?: string;
  /** A handler that takes longer has failed, and its signal is aborted. Default 15 minutes. */
  timeoutMs?: number;
  /** Takes also what others are spared: events of too many hops, and data that is not what its content type says, as bytes. */
  lenient?: boolean;
}

/**
 * Handles events whose type matches `pattern`. With a schema, `event.data` is checked: what does not fit goes to the dead
 * letters at once. When several patterns match, the most exact one handles.
 */
export function on<T = unknown>(pattern: string, schema?: z.ZodType<T>, options: OnOptions = {}) {
  return <D extends AnyDriver>(
    _method: (this: D, event: Event<T>, context: Context) => unknown,
    context: ClassMethodDecoratorContext<D>,
  ): void => {
    const get = accessorOf(context, "@on");
    add(context, HANDLERS, {
      pattern,
      ...(schema && { schema }),
      ...options,
      handle: (self, event, ctx) => get(self).call(self, event, ctx),
    });
  };
}

export interface MethodOptions<I extends z.ZodType, O extends z.ZodType> {
  description?: string;
  /** Checked before the method runs: `InvalidInput`. */
  input?: I;
  /** Checked after it: `InvalidOutput`. */
  output?: O;
  /** Default: the method's own name. */
  name?: string;
}

type Callable<D, I, O> = (this: D, input: I, call: CallContext) => O | Promise<O>;

/** A method that drivers which were granted it may call as `<driver>.<name>`. */
export function method<I extends z.ZodType = z.ZodType<unknown>, O extends z.ZodType = z.ZodType<unknown>>(
  options: MethodOptions<I, O> = {},
) {
  return <D extends AnyDriver>(
    _method: Callable<D, z.output<I>, z.input<O>>,
    context: ClassMethodDecoratorContext<D>,
  ): void => {
    const get = accessorOf(context, "@method");
    const { name = String(context.name), ...rest } = options;
    add(context, METHODS, { name, ...rest, call: (self, input, call) => get(self).call(self, input, call) });
  };
}

/** A method with a description: agents are shown it as a tool. */
export function tool<I extends z.ZodType = z.ZodType<unknown>, O extends z.ZodType = z.ZodType<unknown>>(
  options: MethodOptions<I, O> & { description: string },
) {
  return method<I, O>(options);
}

/** The definition that a class's decorators made; undefined when it has no `@driver`. */
export function definitionOfClass(target: DriverConstructor): DriverDefinition | undefined {
  const metadata = (target as unknown as Record<symbol, Decorated | undefined>)[METADATA];
  const options = metadata?.[OPTIONS];
  if (!options) return undefined;
  return {
    [DEFINITION]: true,
    options,
    handlers: metadata[HANDLERS] ?? [],
    methods: metadata[METHODS] ?? [],
    create: (runtime) => new target(runtime) as Driver,
    start: (self) => self.start?.(),
    stop: (self) => self.stop?.(),
  };
}

/** Metadata inherits from the base class's by prototype: writing makes the subclass's own list. */
function add<K extends typeof HANDLERS | typeof METHODS>(
  context: { metadata: object },
  key: K,
  entry: NonNullable<Decorated[K]>[number],
) {
  const metadata = context.metadata as Record<K, unknown[] | undefined>;
  metadata[key] = [...(metadata[key] ?? []), entry];
}

// biome-ignore lint/suspicious/noExplicitAny: the decorated method's type was checked at the decorator.
function accessorOf(context: unknown, decorator: string): (self: Driver) => (...args: any[]) => unknown {
  const { kind, static: isStatic, access, name } = context as MethodContext;
  if (kind !== "method" || isStatic)
    throw new DriverError(
      "InvalidDriver",
      `${decorator} on "${String(name)}": it belongs on a method that is not static`,
    );
  return access.get as never;
}
