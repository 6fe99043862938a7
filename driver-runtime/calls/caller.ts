import { setTimeout as delay } from "node:timers/promises";
import type { Msg, MsgHdrs } from "@nats-io/nats-core";
import {
  CALL_HEADERS,
  CallPattern,
  CE_PREFIX,
  decodeValue,
  ERROR_HEADERS,
  encodeValue,
  Method,
  parseShared,
  subjects,
} from "@vextir/api";
import { z } from "zod";
import { type Failure, isFailure, type Link } from "../bus/link.ts";
import { headersOf, messageHeaders } from "../bus/message-headers.ts";
import type { Grants } from "../driver/grants.ts";
import { DriverError, type DriverErrorCode } from "../errors.ts";
import type { Lineage } from "../events/event.ts";
import { callAttributes } from "../events/lineage.ts";
import { decodeJson, encodeJson } from "../events/payload.ts";
import type { RuntimeMetrics } from "../observability/runtime-metrics.ts";
import { NO_TRACING } from "../tracing/no-tracing.ts";
import { callSpan, inTrace } from "../tracing/span-specs.ts";
import type { Tracing } from "../tracing/tracing.ts";
import { abortable } from "./abortable.ts";
import type { Call, CallOptions } from "./call.ts";
import { Knocker } from "./knocker.ts";

const DEFAULT_TIMEOUT_MS = 30_000;
export const MAX_TIMEOUT_MS = 600_000;
/** Calls under way; more are refused. */
const MAX_IN_FLIGHT = 1_024;
/**
 * So long a callee that nobody is listening for is waited for: it may be starting or changing its connection. One that is started for
 * those who call it is waited for until the call's own deadline.
 */
const ABSENCE_MS = 5_000;

const MAX_METHODS = 256;
const DESCRIBING = { [CALL_HEADERS.describe]: "true" };

/** @throws DriverError as `Call` does. */
export type Describe = (
  method: string,
  options?: Pick<CallOptions, "timeoutMs" | "signal">,
) => Promise<readonly Method[]>;

export interface CallerParts {
  driver: string;
  link: Link;
  grants: Grants;
  metrics: RuntimeMetrics;
  tracing?: Tracing | undefined;
}

interface Request {
  subject: string;
  /** Where it is knocked. */
  wake: string;
  payload: Uint8Array;
  method: string;
  /** Further headers. */
  more: Record<string, string>;
}

/** Calls other drivers' methods. */
export class Caller {
  readonly #parts: CallerParts;
  readonly #knocker: Knocker;
  #inFlight = 0;

  constructor(parts: CallerParts) {
    this.#parts = parts;
    this.#knocker = new Knocker(parts.link);
  }

  readonly call: Call = async <T>(
    method: string,
    input?: unknown,
    options: CallOptions<T> = {},
  ): Promise<T> => {
    const { metrics, tracing = NO_TRACING } = this.#parts;
    const { called } = metrics;
    try {
      const answer = await tracing.inSpan(
        () => callSpan(method, options.cause),
        (traced) => this.#bounded(method, input, inTrace(options, traced)),
      );
      called.inc({ method, outcome: "Succeeded" });
      return answer;
    } catch (error) {
      // The name of a method that is none would make one more time series each time.
      const known =
        error instanceof DriverError && error.code !== "InvalidInput" && error.code !== "NotGranted";
      called.inc({
        method: known ? method : "",
        outcome: error instanceof DriverError ? error.code : "Unknown",
      });
      throw error;
    }
  };

  /** What the manifest says of a method that may be called; of `<driver>._` what it says of all of them. */
  readonly describe: Describe = (method, options) =>
    this.#call(method, undefined, { ...options, output: z.array(Method).max(MAX_METHODS) }, DESCRIBING);

  async #bounded<T>(method: string, input: unknown, options: CallOptions<T>): Promise<T> {
    if (this.#inFlight >= MAX_IN_FLIGHT)
      throw new DriverError(
        "Overloaded",
        `${MAX_IN_FLIGHT} calls are under way; await them before calling "${method}"`,
      );
    this.#inFlight++;
    try {
      return await this.#call(method, input, options);
    } finally {
      this.#inFlight--;
    }
  }

  async #call<T>(method: string, input: unknown, options: CallOptions<T>, more = {}): Promise<T> {
    const { driver, grants, link } = this.#parts;
    const { namespace, pattern } = parseShared(method);
    const [callee = "", name = ""] = pattern.split(".");
    if (!CallPattern.safeParse(method).success || callee === "*" || name === "*")
      throw new DriverError("InvalidInput", `"${method}" names no method: it must be <driver>.<method>`);
    grants.call(method);
    const payload = encodeJson(input, `the input of "${method}"`);
    if (payload.length > link.maxData)
      throw new DriverError(
        "TooLarge",
        `the input of "${method}" has ${payload.length} bytes, and the bus takes ${link.maxData}`,
      );
    const subject =
      namespace === undefined
        ? subjects.call(callee, name, driver)
        : subjects.sharedCall(namespace, callee, name);
    const wake = namespace === undefined ? subjects.wake(callee) : subjects.sharedWake(namespace, callee);
    const answer = await this.#knocker.during(wake, () =>
      this.#request({ subject, wake, payload, method, more }, options),
    );
    return output(answer, method, options.output);
  }

  /** Asks until somebody listens: a request that nobody received has done nothing. */
  async #request({ subject, wake, payload, method, more }: Request, options: CallOptions): Promise<Msg> {
    const asked = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const timeoutMs = Math.min(MAX_TIMEOUT_MS, Math.max(1, asked));
    const began = Date.now();
    let patienceMs = Math.min(ABSENCE_MS, timeoutMs);
    for (let waitMs = 50; ; waitMs = Math.min(1_000, waitMs * 2)) {
      options.signal?.throwIfAborted();
      const leftMs = Math.max(1, began + timeoutMs - Date.now());
      const set = callHeaders(leftMs, options.cause, more);
      const answer = await abortable(
        this.#parts.link.request(subject, payload, { timeoutMs: leftMs, headers: set }),
        options.signal,
      );
      if (!isFailure(answer)) return answer;
      if (answer === "NoResponders" && (await this.#knocker.isWoken(wake))) patienceMs = timeoutMs;
      if (answer !== "NoResponders" || Date.now() - began + waitMs > patienceMs)
        throw this.#failed(answer, method, timeoutMs);
      await abortable(delay(waitMs), options.signal);
    }
  }

  #failed(failure: Failure, method: string, timeoutMs: number): DriverError {
    const callee = method.slice(0, method.lastIndexOf("."));
    switch (failure) {
      case "NoResponders":
        return new DriverError(
          "Unavailable",
          `nobody answers for "${method}": is the driver "${callee}" running and ready? If it is, the bus may not have the grant spec.capabilities.call: ["${method}"] in place yet`,
        );
      case "Timeout":
        return new DriverError(
          "Timeout",
          `"${method}" did not answer within ${timeoutMs} ms; it may have done its work`,
        );
      case "Denied":
        return this.#parts.grants.refusal(`call "${method}", says the bus`, "call", method);
      case "TooLarge":
        return new DriverError("TooLarge", `the input of "${method}" is larger than the bus takes`);
      case "Closed":
        return new DriverError("Closed", `"${method}": the connection to the bus is closed`);
      case "Lost":
        return new DriverError(
          "Unavailable",
          `the connection to the bus was lost while "${method}" was under way; it may have done its work`,
        );
    }
  }
}

function callHeaders(timeoutMs: number, cause: Lineage | undefined, more: Record<string, string>): MsgHdrs {
  const values: Record<string, string> = { ...more, [CALL_HEADERS.timeoutMs]: String(timeoutMs) };
  for (const [name, value] of Object.entries(callAttributes(cause)))
    values[CE_PREFIX + name] = encodeValue(value);
  return messageHeaders(values);
}

/** What a callee may say; anything else it says is a failed call. */
const TOLD = new Set<string>([
  "NotFound",
  "InvalidInput",
  "InvalidOutput",
  "TooLarge",
  "Overloaded",
  "Timeout",
]);

function output<T>(answer: Msg, method: string, schema: z.ZodType<T> | undefined): T {
  const headers = headersOf(answer);
  const code = headers.get(ERROR_HEADERS.code);
  if (code) {
    const message = decodeValue(headers.get(ERROR_HEADERS.message) ?? "");
    throw new DriverError(
      TOLD.has(code) ? (code as DriverErrorCode) : "CallFailed",
      `"${method}": ${message}`,
    );
  }
  let value: unknown;
  try {
    value = decodeJson(answer.data);
  } catch (cause) {
    throw new DriverError("InvalidOutput", `"${method}" answered what is no JSON`, { cause });
  }
  if (!schema) return value as T;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new DriverError(
    "InvalidOutput",
    `"${method}" answered what was not expected: ${z.prettifyError(parsed.error)}`,
    {
      cause: parsed.error,
    },
  );
}
