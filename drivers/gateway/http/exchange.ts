import type { FastifyReply, FastifyRequest } from "fastify";
import type { Acceptance, Accepted } from "../acceptance.ts";
import { authorized } from "../access/authorize.ts";
import { mayRead, type Principal, readsAnything } from "../access/grant.ts";
import { isBinary, readBinary } from "../cloudevents/binary.ts";
import { type IncomingEvent, TRACE_PARENT } from "../cloudevents/incoming.ts";
import { readStructured } from "../cloudevents/structured.ts";
import { type Config, isObserved } from "../config.ts";
import { toOlder } from "../older/mapping.ts";
import { OLDER_TYPE } from "../older/older-event.ts";
import { readOlder } from "../older/read.ts";
import { Problem } from "../problem.ts";
import type { Wait, Waits } from "../waiting/waits.ts";
import { preferred } from "./accept.ts";
import { type WaitPreference, waitPreference } from "./prefer.ts";

/** Whose request it is; `claim` takes over its place (see `Places`). */
export interface Sender {
  principal: Principal;
  claim: () => () => void;
}

/** What answering a request takes. */
export interface ExchangeParts {
  config: Config;
  acceptance: Acceptance;
  waits: Waits;
}

export const STRUCTURED = "application/cloudevents+json";
export const BATCH = "application/cloudevents-batch+json";

/** The media type of a request without its parameters, in lower case; empty when it has none. */
export const mediaType = (request: FastifyRequest) =>
  (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";

/** The event of a request in structured or binary mode. Without a trace of its own it continues the request's. @throws Problem */
export function readEvent(request: FastifyRequest, body: Uint8Array): IncomingEvent {
  const event = readMode(request, body);
  const { traceparent: trace, tracestate: state } = request.headers;
  if (event.traceParent !== undefined || typeof trace !== "string" || !TRACE_PARENT.test(trace)) return event;
  return { ...event, traceParent: trace, ...(typeof state === "string" && { traceState: state }) };
}

/** Plain JSON without an attribute in the headers is an event of the older platform. */
export const isOlderForm = (request: FastifyRequest) =>
  mediaType(request) === OLDER_TYPE ||
  (mediaType(request) === "application/json" && !isBinary(request.headers));

function readMode(request: FastifyRequest, body: Uint8Array): IncomingEvent {
  const type = mediaType(request);
  if (type === STRUCTURED) return readStructured(body);
  if (type.startsWith("application/cloudevents"))
    throw new Problem("UnsupportedMediaType", `"${type}": the formats are ${STRUCTURED} and ${BATCH}`, {
      field: "content-type",
    });
  if (isOlderForm(request)) return readOlder(body);
  if (isBinary(request.headers)) return readBinary(request.headers, body);
  throw new Problem(
    "MissingAttribute",
    `no CloudEvent: send ${STRUCTURED}, ${BATCH}, the attributes as ce-… headers with the data as body, or ${OLDER_TYPE}`,
    { field: "ce-specversion" },
  );
}

/** Accepts one event; with `Prefer: wait`, answers with what followed it. */
export class Exchange {
  readonly #parts: ExchangeParts;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /** @throws Problem */
  async answer(
    incoming: IncomingEvent,
    { principal, claim }: Sender,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    const event = authorized(incoming, principal);
    const preference = this.#preference(event, principal, request);
    // Waiting begins before publishing: an answer may come before the bus's confirmation.
    const wait = preference && this.#begin(event, principal, preference, reply);
    const accepted = await this.#accept(event, principal, wait, claim());
    if (!wait || !preference) return reply.code(202).send(accepted);
    const { complete, truncated, events } = await wait.outcome;
    const form = preferred(request.headers.accept, ["application/json", OLDER_TYPE]);
    const shown = form === OLDER_TYPE ? events.map(toOlder) : events;
    const body = { ...accepted, complete, ...(truncated && { truncated }), events: shown };
    return reply
      .headers({ "preference-applied": `wait=${preference.seconds}`, vary: "accept" })
      .type(`${form}; charset=utf-8`)
      .send(body);
  }

  async #accept(
    event: IncomingEvent,
    principal: Principal,
    wait: Wait | undefined,
    release: () => void,
  ): Promise<Accepted> {
    try {
      return await this.#parts.acceptance.accept(event, principal, release);
    } catch (error) {
      wait?.end();
      throw error;
    }
  }

  /** The wait that is asked for, as far as the configuration allows; undefined: none. @throws Problem */
  #preference(
    event: IncomingEvent,
    principal: Principal,
    request: FastifyRequest,
  ): WaitPreference | undefined {
    const { maxWaitSeconds, observe, replies } = this.#parts.config;
    const header = request.headers["prefer"];
    const asked = waitPreference(Array.isArray(header) ? header.join(",") : header);
    if (!asked || maxWaitSeconds === 0 || observe.length === 0 || !readsAnything(principal)) return undefined;
    const until = asked.until ?? (Object.hasOwn(replies, event.type) ? replies[event.type] : undefined);
    if (until !== undefined && !(isObserved(observe, until) && mayRead(principal, until, event.userId)))
      throw new Problem("InvalidAttribute", `"until": events of type "${until}" are not shown here`, {
        field: "prefer",
      });
    return { seconds: Math.min(asked.seconds, maxWaitSeconds), ...(until !== undefined && { until }) };
  }

  #begin(
    event: IncomingEvent,
    principal: Principal,
    { seconds, until }: WaitPreference,
    reply: FastifyReply,
  ): Wait {
    const { waits, acceptance, config } = this.#parts;
    const { correlationId } = acceptance.identify(event, principal);
    const wait = waits.begin({
      correlationId,
      rootId: event.id,
      until,
      timeoutMs: seconds * 1_000,
      shows: ({ type, userId }) => mayRead(principal, type, userId),
    });
    if (!wait)
      throw new Problem(
        "Busy",
        `${config.maxWaiting} requests wait already: send it without waiting, or later`,
      );
    // Also when the client goes away.
    reply.raw.once("close", () => wait.end());
    return wait;
  }
}
