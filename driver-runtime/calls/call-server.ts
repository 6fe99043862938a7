import type { Msg, MsgHdrs } from "@nats-io/nats-core";
import { CALL_HEADERS, ERROR_HEADERS, encodeValue, METHODS, type Method, subjects } from "@vextir/api";
import { z } from "zod";
import type { Link, Listening } from "../bus/link.ts";
import { headersOf, messageHeaders } from "../bus/message-headers.ts";
import { Waiters } from "../bus/waiters.ts";
import { withLineage } from "../delivery/event-context.ts";
import type { CallContext } from "../driver/context.ts";
import type { MethodDefinition } from "../driver/definition.ts";
import type { Driver } from "../driver/driver.ts";
import { describedMethod } from "../driver/manifest.ts";
import type { Runtime } from "../driver/runtime.ts";
import { DriverError, type DriverErrorCode } from "../errors.ts";
import type { Lineage } from "../events/event.ts";
import { callLineage } from "../events/lineage.ts";
import { decodeJson, encodeJson } from "../events/payload.ts";
import { LongestTime } from "../observability/longest-time.ts";
import type { RuntimeMetrics } from "../observability/runtime-metrics.ts";
import { NO_TRACING } from "../tracing/no-tracing.ts";
import { serveSpan, within } from "../tracing/span-specs.ts";
import type { Tracing } from "../tracing/tracing.ts";
import { ABOUT_METHOD } from "./about.ts";
import { MAX_TIMEOUT_MS } from "./caller.ts";
import type { OfferedMethods } from "./offered.ts";

export interface CallServerParts {
  link: Link;
  runtime: Runtime;
  driver: Driver;
  methods: readonly MethodDefinition[];
  /** Further ones, as they are at the time of a call. */
  offered?: OfferedMethods;
  metrics: RuntimeMetrics;
  tracing?: Tracing | undefined;
  /** Default: every method of the driver, also those that it has not, so that callers are told. */
  subject?: string;
}

/** Calls in hand; more are answered with `Overloaded`. */
const MAX_IN_HAND = 256;
const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_MESSAGE_CHARS = 1_000;

interface Incoming {
  method: string;
  caller: string;
  message: Msg;
  headers: ReadonlyMap<string, string>;
}

/**
 * Answers calls of the driver's methods. Every replica listens in one queue group, so each call reaches one of them; who
 * calls stands in the subject that the bus lets the caller use.
 */
export class CallServer {
  readonly #parts: CallServerParts;
  readonly #methods: ReadonlyMap<string, MethodDefinition>;
  /** When each began. */
  readonly #inHand = new Map<AbortController, number>();
  readonly #longest = new LongestTime();
  readonly #idle = new Waiters();
  #listening: Listening | undefined;

  constructor(parts: CallServerParts) {
    this.#parts = parts;
    this.#methods = new Map(parts.methods.map((method) => [method.name, method]));
  }

  get inHand(): number {
    return this.#inHand.size;
  }
  /** The longest time that a call took lately, or has taken so far. */
  get longestMs(): number {
    const [oldest] = this.#inHand.values();
    return Math.max(this.#longest.ms, oldest === undefined ? 0 : performance.now() - oldest);
  }

  open(): void {
    const { link, runtime, subject = subjects.call(runtime.name, "*", "*") } = this.#parts;
    this.#listening = link.listen(subject, {
      queue: runtime.name,
      received: (message) => this.#take(message),
      refused: (error) => runtime.log.error({ err: error }, "calls can't be listened for"),
    });
  }

  /** No more calls are taken; waits `timeoutMs` for those in hand and aborts the rest. */
  async stop(timeoutMs: number): Promise<void> {
    await this.#listening?.drain();
    if (this.#inHand.size > 0) await this.#idle.wait(timeoutMs);
    for (const controller of [...this.#inHand.keys()])
      controller.abort(new DriverError("Closed", "the driver stops and its grace period is over"));
  }

  #take(message: Msg): void {
    const [root, callee, method = "", caller = "", ...more] = message.subject.split(".");
    // What JetStream delivers keeps the subject that it was stored with: a caller that has its events delivered to where it may
    // call would choose who it seems to be.
    if (root !== "call" || callee !== this.#parts.runtime.name || !caller || more.length > 0) {
      this.#parts.metrics.dropped.inc({ subscription: "", reason: "NotACall" });
      return;
    }
    const incoming = { method, caller, message, headers: headersOf(message) };
    if (this.#inHand.size >= MAX_IN_HAND)
      this.#refuse(
        incoming,
        "Overloaded",
        `driver "${this.#parts.runtime.name}" has ${MAX_IN_HAND} calls in hand`,
      );
    else void this.#answer(incoming);
  }

  /** Never rejects. */
  async #answer(incoming: Incoming): Promise<void> {
    const { metrics } = this.#parts;
    const controller = new AbortController();
    const began = performance.now();
    this.#inHand.set(controller, began);
    try {
      this.#respond(incoming, await this.#served(incoming, controller));
      const method = this.#label(incoming.method);
      metrics.served.inc({ method, outcome: "Succeeded" });
      metrics.serving.observe({ method }, (performance.now() - began) / 1e3);
    } catch (error) {
      const { code, message } =
        error instanceof DriverError ? error : new DriverError("CallFailed", String(error));
      this.#refuse(incoming, code, message);
      if (code === "CallFailed")
        this.#parts.runtime.log.warn(
          { method: incoming.method, caller: incoming.caller, err: error },
          "a method failed",
        );
    } finally {
      this.#inHand.delete(controller);
      this.#longest.told(performance.now() - began);
      if (this.#inHand.size === 0) this.#idle.wake();
    }
  }

  async #served(incoming: Incoming, controller: AbortController): Promise<Uint8Array> {
    if (incoming.headers.has(CALL_HEADERS.describe)) return this.#encoded(this.#described(incoming.method));
    const method = this.#method(incoming.method);
    const { runtime, tracing = NO_TRACING } = this.#parts;
    const { caller } = incoming;
    const lineage = callLineage(incoming.headers);
    return tracing.inSpan(
      () => serveSpan(`${runtime.name}.${method.name}`, caller, lineage),
      (traced) => this.#run(method, traced ? within(lineage, traced) : lineage, incoming, controller),
    );
  }

  async #run(
    method: MethodDefinition,
    lineage: Lineage,
    incoming: Incoming,
    controller: AbortController,
  ): Promise<Uint8Array> {
    const input = await checked(method.input, inputOf(incoming), "InvalidInput", "the input");
    const timeoutMs = timeoutOf(incoming);
    const late = () =>
      new DriverError("Timeout", `it took longer than the ${timeoutMs} ms that the caller waits`);
    const timer = setTimeout(() => controller.abort(late()), timeoutMs);
    try {
      const context = this.#context(incoming, lineage, controller.signal, Date.now() + timeoutMs);
      const result = await unlessAborted(this.#called(method, input, context), controller.signal);
      const output = await checked(method.output, result, "InvalidOutput", "the answer");
      return this.#encoded(output);
    } finally {
      clearTimeout(timer);
    }
  }

  #described(name: string): Method[] {
    if (name === METHODS) return this.#all().map(describedMethod);
    return [describedMethod(this.#method(name))];
  }

  #all(): MethodDefinition[] {
    return [...this.#methods.values(), ...(this.#parts.offered?.all() ?? [])];
  }

  /** @throws DriverError `NotFound` */
  #method(name: string): MethodDefinition {
    const method = this.#methods.get(name) ?? this.#parts.offered?.get(name);
    if (method) return method;
    throw this.#unknown(name);
  }

  /** As calls of it are counted. Names of methods that are none are the callers' words: they must not become time series. */
  #label(name: string): string {
    return this.#methods.has(name) || this.#parts.offered?.isCounted(name) ? name : "";
  }

  /** What the method throws is a failed call, also when it is an error of a call that it made itself. */
  async #called(method: MethodDefinition, input: unknown, context: CallContext): Promise<unknown> {
    try {
      return await method.call(this.#parts.driver, input, context);
    } catch (cause) {
      throw new DriverError("CallFailed", cause instanceof Error ? cause.message : String(cause), { cause });
    }
  }

  #encoded(output: unknown): Uint8Array {
    const limit = this.#parts.link.maxData;
    const payload = encodeJson(output, "the answer", "InvalidOutput");
    if (payload.length > limit)
      throw new DriverError("TooLarge", `the answer has ${payload.length} bytes, and the bus takes ${limit}`);
    return payload;
  }

  #context(
    { method, caller }: Incoming,
    lineage: Lineage,
    signal: AbortSignal,
    deadline: number,
  ): CallContext {
    const { runtime } = this.#parts;
    let log: CallContext["log"] | undefined;
    return {
      ...lineage,
      ...withLineage(runtime, lineage, deadline),
      caller,
      method,
      deadline,
      signal,
      state: runtime.state,
      once: runtime.once,
      live: runtime.live,
      tracer: runtime.tracer,
      get log() {
        log ??= runtime.log.child({ method, caller, correlation: lineage.correlationId });
        return log;
      },
    };
  }

  #unknown(method: string): DriverError {
    const { runtime } = this.#parts;
    const names = this.#all()
      .map(({ name }) => name)
      .filter((name) => name !== ABOUT_METHOD)
      .toSorted();
    const has = names.length > 0 ? `it has ${names.join(", ")}` : "it has none";
    return new DriverError("NotFound", `driver "${runtime.name}" has no method "${method}"; ${has}`);
  }

  #refuse(incoming: Incoming, code: DriverErrorCode, message: string): void {
    const method = this.#label(incoming.method);
    this.#parts.metrics.served.inc({ method, outcome: code });
    const set = messageHeaders({
      [ERROR_HEADERS.code]: code,
      [ERROR_HEADERS.message]: encodeValue(message.slice(0, MAX_MESSAGE_CHARS)),
    });
    this.#respond(incoming, new Uint8Array(0), set);
  }

  /** While the connection is away the answer waits for it as long as the caller does. */
  #respond({ message, headers: map }: Incoming, payload: Uint8Array, set?: MsgHdrs): void {
    const { link } = this.#parts;
    const reply = message.reply;
    if (!reply) return;
    const options = set ? { headers: set } : {};
    if (link.send(reply, payload, options)) return;
    const wait = timeoutOf({ headers: map });
    void link.whenUp(wait).then((up) => up && link.send(reply, payload, options));
  }
}

function inputOf({ message }: Incoming): unknown {
  try {
    return decodeJson(message.data);
  } catch (cause) {
    throw new DriverError("InvalidInput", "the input is no JSON", { cause });
  }
}

function timeoutOf({ headers: map }: Pick<Incoming, "headers">): number {
  const asked = Number(map.get(CALL_HEADERS.timeoutMs));
  return asked > 0 ? Math.min(MAX_TIMEOUT_MS, asked) : DEFAULT_TIMEOUT_MS;
}

async function checked(
  schema: z.ZodType | undefined,
  value: unknown,
  code: DriverErrorCode,
  what: string,
): Promise<unknown> {
  if (!schema) return value;
  const result = await schema["~standard"].validate(value);
  if (!result.issues) return result.value;
  const problems = z.prettifyError(new z.ZodError(result.issues as z.core.$ZodIssue[]));
  throw new DriverError(code, `${what} is not what the method's schema says: ${problems}`);
}

async function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
