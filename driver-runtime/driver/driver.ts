import type { z } from "zod";
import type { Call } from "../calls/call.ts";
import type { OfferedTool } from "../calls/offered.ts";
import type { ContextHub } from "../context/hub.ts";
import type { Publish } from "../events/event.ts";
import type { Models } from "../models/model.ts";
import type { Once, State } from "../state/state.ts";
import type { Tools } from "../tools/tools.ts";
import type { Live, Observe, Runtime } from "./runtime.ts";

/** Any zod schema that gives an object. */
export type ConfigSchema = z.ZodType<object>;

/** Base of every driver's class. `C` is the type of its configuration's schema (`typeof Config`). */
export class Driver<C extends z.ZodType = ConfigSchema> {
  readonly #runtime: Runtime;

  /** The runtime makes the instance; a subclass with a constructor of its own passes `runtime` on. */
  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** Runs once the bus is connected, before events and calls arrive. */
  start?(): void | Promise<void>;
  /** Runs at shutdown, when the last event in hand is done. */
  stop?(): void | Promise<void>;

  get config(): z.output<C> {
    return this.#runtime.config as z.output<C>;
  }
  get name(): string {
    return this.#runtime.name;
  }
  get namespace(): string {
    return this.#runtime.namespace;
  }
  get log(): Runtime["log"] {
    return this.#runtime.log;
  }
  get metrics(): Runtime["metrics"] {
    return this.#runtime.metrics;
  }
  /** OpenTelemetry's; does nothing where tracing is off. */
  get tracer(): Runtime["tracer"] {
    return this.#runtime.tracer;
  }
  /** Aborted when the driver is told to stop. */
  get signal(): AbortSignal {
    return this.#runtime.signal;
  }
  get publish(): Publish {
    return this.#runtime.publish;
  }
  get call(): Call {
    return this.#runtime.call;
  }
  get state(): State {
    return this.#runtime.state;
  }
  get once(): Once {
    return this.#runtime.once;
  }
  get live(): Live {
    return this.#runtime.live;
  }
  get observe(): Observe {
    return this.#runtime.observe;
  }
  /** Those that `capabilities.models` grants. */
  get models(): Models {
    return this.#runtime.models;
  }
  /** Methods with a description that `capabilities.call` grants. */
  get tools(): Tools {
    return this.#runtime.tools;
  }
  /**
   * Offers these tools beside those of the code, in place of what was offered before; who is granted `<driver>.*` is shown them within a
   * minute. @throws DriverError `InvalidInput`: then those before stay.
   */
  offer(tools: readonly OfferedTool[]): void {
    this.#runtime.offer(tools);
  }
  /** A secret of `configSecretRefs` as it is now: in `config` it is as it was at the start. @throws DriverError `InvalidConfig` */
  secret(name: string): Promise<string> {
    return this.#runtime.secret(name);
  }
  /** The context hub, on nobody's behalf: what is granted for all users. */
  get context(): ContextHub {
    return this.#runtime.contextOn({});
  }
  /** The raw connection. The server guards it; hiding would guard nothing. */
  get bus(): Runtime["bus"] {
    return this.#runtime.bus;
  }
  /** Number to listen on for the port of this name. @throws DriverError `NotFound` when the Driver has none. */
  port(name: string): number {
    return this.#runtime.port(name);
  }
  /** Address to listen on: 127.0.0.1 in local mode, undefined in a pod, where it means all of them. */
  get listenHost(): string | undefined {
    return this.#runtime.listenHost;
  }
}
