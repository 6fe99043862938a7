import type { z } from "zod";
import type { Event } from "../events/event.ts";
import type { CallContext, Context } from "./context.ts";
import {
  DEFINITION,
  type DriverDefinition,
  type DriverOptions,
  type HandlerDefinition,
  type MethodDefinition,
} from "./definition.ts";
import { type ConfigSchema, Driver } from "./driver.ts";

type Handle<T, C extends z.ZodType> = (event: Event<T>, context: Context, driver: Driver<C>) => unknown;

/** A handler, alone or with the schema of its data. */
export type HandlerInput<T = unknown, C extends z.ZodType = ConfigSchema> =
  | Handle<T, C>
  | { schema?: z.ZodType<T>; subscription?: string; timeoutMs?: number; handle: Handle<T, C> };

export interface MethodInput<I = unknown, C extends z.ZodType = ConfigSchema> {
  description?: string;
  /** Checked before the method runs: `InvalidInput`. */
  input?: z.ZodType<I>;
  /** Checked after it: `InvalidOutput`. */
  output?: z.ZodType;
  handle(input: I, call: CallContext, driver: Driver<C>): unknown;
}

export type ToolInput<I = unknown, C extends z.ZodType = ConfigSchema> = MethodInput<I, C> & {
  description: string;
};

export interface DefineDriverOptions<
  C extends z.ZodType = ConfigSchema,
  H = Record<string, unknown>,
  M = Record<string, unknown>,
  T = Record<string, unknown>,
> extends DriverOptions<C> {
  /** Handlers by type or pattern of types. */
  on?: { [K in keyof H]: HandlerInput<H[K], C> };
  methods?: { [K in keyof M]: MethodInput<M[K], C> };
  /** Methods with a description: agents are shown them. */
  tools?: { [K in keyof T]: ToolInput<T[K], C> };
  start?(driver: Driver<C>): unknown;
  stop?(driver: Driver<C>): unknown;
}

/** A driver without a class or decorators, for inline sources. */
export function defineDriver<
  C extends z.ZodType = ConfigSchema,
  H = Record<string, unknown>,
  M = Record<string, unknown>,
  T = Record<string, unknown>,
>(input: DefineDriverOptions<C, H, M, T>): DriverDefinition {
  const { on, methods, tools, start, stop, ...options } = input as DefineDriverOptions<C>;
  return {
    [DEFINITION]: true,
    options,
    handlers: Object.entries(on ?? {}).map(([pattern, handler]) => toHandler(pattern, handler)),
    methods: [...Object.entries(methods ?? {}), ...Object.entries(tools ?? {})].map(([name, entry]) =>
      toMethod(name, entry),
    ),
    create: (runtime) => new Driver(runtime),
    ...(start && { start: (self: Driver) => start(self as Driver<C>) }),
    ...(stop && { stop: (self: Driver) => stop(self as Driver<C>) }),
  };
}

function toHandler<C extends z.ZodType>(pattern: string, input: HandlerInput<unknown, C>): HandlerDefinition {
  const { handle, ...rest } = typeof input === "function" ? { handle: input } : input;
  return {
    pattern,
    ...rest,
    handle: (driver, event, context) => handle(event, context, driver as Driver<C>),
  };
}

function toMethod<C extends z.ZodType>(name: string, input: MethodInput<unknown, C>): MethodDefinition {
  const { handle, ...rest } = input;
  return {
    name,
    ...rest,
    call: (driver, value, context) => handle.call(input, value, context, driver as Driver<C>),
  };
}
