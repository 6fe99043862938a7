import type { Logger } from "pino";
import type { Call } from "../calls/call.ts";
import { ASSERTION_EXTENSION } from "../context/context.ts";
import type { Context } from "../driver/context.ts";
import type { Runtime } from "../driver/runtime.ts";
import type { Event, Lineage, Publish } from "../events/event.ts";

/** `publish` and `call` of a runtime with a cause, where none is given; calls end at `deadline` (ms since the epoch), if there is one. */
export function withLineage(runtime: Pick<Runtime, "publish" | "call">, cause: Lineage, deadline?: number) {
  const publish: Publish = (type, data, options) => runtime.publish(type, data, { cause, ...options });
  const call: Call = (method, input, options) =>
    runtime.call(method, input, { cause, ...options, ...until(deadline, options) });
  return { publish, call };
}

function until(deadline: number | undefined, options: { timeoutMs?: number } | undefined) {
  if (deadline === undefined) return {};
  const leftMs = Math.max(1, deadline - Date.now());
  return { timeoutMs: Math.min(leftMs, options?.timeoutMs ?? leftMs) };
}

/** What a handler is given; costly parts are made when they are asked for. */
export class EventContext implements Context {
  readonly event: Event;
  readonly attempt: number;
  readonly storedMs: number;
  /** What comes of it is caused by the event, within the span of its handling. */
  readonly #cause: Lineage;
  readonly #runtime: Runtime;
  readonly #subscription: string;
  readonly #inProgress: () => void;
  #controller: AbortController | undefined;
  #reason: Error | undefined;
  #log: Logger | undefined;
  #lineage: ReturnType<typeof withLineage> | undefined;

  constructor(
    runtime: Runtime,
    event: Event,
    delivery: { attempt: number; storedMs: number; subscription: string; inProgress: () => void },
    cause: Lineage = event,
  ) {
    this.event = event;
    this.#cause = cause;
    this.attempt = delivery.attempt;
    this.storedMs = delivery.storedMs;
    this.#runtime = runtime;
    this.#subscription = delivery.subscription;
    this.#inProgress = delivery.inProgress;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }
  get log(): Logger {
    const { id, type } = this.event;
    this.#log ??= this.#runtime.log.child({
      event: id,
      type,
      attempt: this.attempt,
      subscription: this.#subscription,
    });
    return this.#log;
  }
  get publish(): Publish {
    this.#lineage ??= withLineage(this.#runtime, this.#cause);
    return this.#lineage.publish;
  }
  get call(): Call {
    this.#lineage ??= withLineage(this.#runtime, this.#cause);
    return this.#lineage.call;
  }
  get state() {
    return this.#runtime.state;
  }
  get once() {
    return this.#runtime.once;
  }
  get live() {
    return this.#runtime.live;
  }
  get context() {
    const assertion = this.event.extensions[ASSERTION_EXTENSION];
    return this.#runtime.contextOn({
      eventId: this.event.id,
      assertion: typeof assertion === "string" ? assertion : undefined,
      traceParent: this.#cause.traceParent,
      traceState: this.#cause.traceState,
    });
  }
  get tracer() {
    return this.#runtime.tracer;
  }
  get working() {
    return this.#inProgress;
  }

  /** The attempt's work is no longer wanted. */
  abort(reason: Error): void {
    this.#reason ??= reason;
    this.#controller?.abort(this.#reason);
  }
}
