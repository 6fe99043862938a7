import { inspect } from "node:util";
import { APIConnectionError, APIError } from "openai";
import { DriverError } from "../errors.ts";
import { overloaded } from "./overload.ts";

/** A provider's `Retry-After` beyond this is not waited for, but told. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** What went wrong, and whether trying again may help. */
export interface Failure {
  error: DriverError;
  isTransient: boolean;
  /** What the provider asks for. */
  retryAfterMs?: number;
}

/**
 * What the client threw, in the runtime's words. What providers say is shortened, and the key taken out: they may repeat what was
 * sent. A cause that holds the key is left out whole, since it is logged with its error.
 */
export function failureOf(model: string, thrown: unknown, key = ""): Failure {
  const failure = classified(model, thrown);
  const { code, message: said, cause } = failure.error;
  const isTold = (text: string) => key.length >= MIN_KEY && text.includes(key);
  const message = (isTold(said) ? said.replaceAll(key, "[key]") : said).slice(0, MAX_MESSAGE);
  if (message === said && !isTold(inspect(cause, WHOLE))) return failure;
  if (code === "Overloaded") return { ...failure, error: overloaded(message, failure.retryAfterMs) };
  return { ...failure, error: new DriverError(code, message) };
}

function classified(model: string, thrown: unknown): Failure {
  if (thrown instanceof DriverError) return { error: thrown, isTransient: thrown.code === "Unavailable" };
  // What reading the key has thrown.
  const inner = (thrown as Error).cause;
  if (inner instanceof DriverError) return { error: inner, isTransient: false };
  if (thrown instanceof APIConnectionError) {
    const message = `model "${model}" can't be reached: ${reasonOf(thrown)}`;
    return { error: new DriverError("Unavailable", message, { cause: thrown }), isTransient: true };
  }
  if (thrown instanceof APIError) return refusalOf(model, thrown);
  return lasting("InvalidOutput", `model "${model}" sent what is no answer: ${reasonOf(thrown)}`, thrown);
}

function refusalOf(model: string, thrown: APIError): Failure {
  const { status, code } = thrown;
  const said = `${status ?? "an error"} ${code ?? ""} ${reasonOf(thrown)}`.replaceAll(/\s+/g, " ");
  const cause = { cause: thrown };
  if (status === 401 || status === 403)
    return lasting("InvalidConfig", `model "${model}" refuses the key: ${said}`, thrown);
  if (code === "context_length_exceeded" || status === 413)
    return lasting("TooLarge", `more than model "${model}" takes: ${said}`, thrown);
  if (status === 404)
    return lasting("InvalidConfig", `the provider knows no such model as "${model}" names: ${said}`, thrown);
  if (status === 429) {
    const retryAfterMs = retryAfter(thrown.headers);
    const error = overloaded(`model "${model}" takes no more requests now: ${said}`, retryAfterMs);
    const isTransient = code !== "insufficient_quota";
    return { error, isTransient, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  }
  if (status === 408 || status === 409 || status === undefined || status >= 500) {
    const retryAfterMs = retryAfter(thrown.headers);
    const error = new DriverError("Unavailable", `model "${model}" does not answer: ${said}`, cause);
    return { error, isTransient: true, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  }
  return lasting("InvalidInput", `model "${model}" does not take the request: ${said}`, thrown);
}

const lasting = (
  code: "InvalidConfig" | "TooLarge" | "InvalidInput" | "InvalidOutput",
  message: string,
  cause: unknown,
): Failure => ({
  error: new DriverError(code, message, { cause }),
  isTransient: false,
});

/** Shorter texts stand in too many words. */
const MIN_KEY = 6;
const MAX_MESSAGE = 400;
const WHOLE = { depth: 10, maxStringLength: Number.POSITIVE_INFINITY };
const reasonOf = (thrown: unknown) => {
  const { message, cause } = thrown as Error;
  return cause instanceof Error ? `${message} (${cause.message})` : String(message ?? thrown);
};

/** RFC 9110, section 10.2.3: seconds or a date; OpenAI's milliseconds before it. */
export function retryAfter(headers: Headers | undefined, now = Date.now()): number | undefined {
  const exact = Number(headers?.get("retry-after-ms") ?? Number.NaN);
  if (Number.isFinite(exact)) return bounded(exact);
  const text = headers?.get("retry-after");
  if (!text) return undefined;
  const seconds = Number(text);
  const ms = Number.isFinite(seconds) ? seconds * 1e3 : Date.parse(text) - now;
  return Number.isFinite(ms) ? bounded(ms) : undefined;
}

const bounded = (ms: number) => Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS);
