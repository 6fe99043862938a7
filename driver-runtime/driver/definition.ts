import type { DriverClass, Needs, ResourceSpec } from "@vextir/api";
import type { z } from "zod";
import type { Event } from "../events/event.ts";
import type { CallContext, Context } from "./context.ts";
import type { Driver } from "./driver.ts";
import type { Runtime } from "./runtime.ts";

export type NeedsInput = z.input<typeof Needs>;

/** What a driver says of itself. */
export interface DriverOptions<C extends z.ZodType = z.ZodType> {
  name: string;
  version: string;
  class: DriverClass;
  description?: string;
  /** Schema of `spec.config` in the Driver object. */
  config?: C;
  /** What the code needs; the Driver object grants. */
  capabilities?: NeedsInput;
  /** What a pod of it asks for; by resource, what the Driver object names of it comes before. */
  resources?: ResourceSpec;
  /**
   * Types of its own that it publishes, with the schema of their data: what it publishes is held to them. Not types of the
   * event catalogue.
   */
  events?: Readonly<Record<string, z.ZodType>>;
}

export interface HandlerDefinition {
  /** Type or pattern of types. */
  pattern: string;
  schema?: z.ZodType;
  /** Only what this subscription of the Driver object brings. */
  subscription?: string;
  /** Default 15 minutes. */
  timeoutMs?: number;
  /** Takes also what others are spared: events of too many hops, and data that is not what its content type says, as bytes. */
  lenient?: boolean;
  handle(driver: Driver, event: Event, context: Context): unknown;
}

export interface MethodDefinition {
  name: string;
  description?: string;
  input?: z.ZodType;
  /** JSON Schema of an input that nothing is held to here; in place of `input`. */
  schema?: Record<string, unknown>;
  output?: z.ZodType;
  call(driver: Driver, input: unknown, context: CallContext): unknown;
}

/** The one form that the runtime knows, made by `defineDriver` or of a decorated class. */
export interface DriverDefinition {
  readonly [DEFINITION]: true;
  readonly options: DriverOptions;
  readonly handlers: readonly HandlerDefinition[];
  readonly methods: readonly MethodDefinition[];
  create(runtime: Runtime): Driver;
  start?(driver: Driver): unknown;
  stop?(driver: Driver): unknown;
}

/** Registered, so that a module bundled with a copy of the runtime of its own is known too. */
export const DEFINITION: unique symbol = Symbol.for("vextir.driver.definition") as never;

export type DriverConstructor = new (runtime: Runtime) => Driver<z.ZodType>;
