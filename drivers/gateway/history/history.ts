import { setTimeout as delay } from "node:timers/promises";
import { type Call, DriverError, type Event } from "@vextir/driver-runtime";
import type { z } from "zod";
import { mayRead, type Principal } from "../access/grant.ts";
import { Problem } from "../problem.ts";
import type { Place, Replay } from "../streams/place.ts";
import { Found, Graph, Page } from "./recorded.ts";

const TIMEOUT_MS = 10_000;
/** Most patterns that the ledger takes; with more, what may not be seen is left out here alone. */
const MAX_TYPES = 32;
const PAGE_EVENTS = 200;
/** Most that a stream is caught up with. */
const MAX_REPLAYED = 10_000;
/** A ledger that has nothing more is asked again. */
const POLL_MS = 200;
/** Clocks of gateways, and the time between storing and showing. */
const MARGIN_MS = 60_000;

/** What may be asked for; the ledger's own names. */
export interface HistoryQuery {
  types?: string[] | undefined;
  user?: string | undefined;
  source?: string | undefined;
  publisher?: string | undefined;
  correlation?: string | undefined;
  since?: string | undefined;
  until?: string | undefined;
  text?: string | undefined;
  order?: "Newest" | "Oldest" | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface EventName {
  id: string;
  publisher?: string | undefined;
  source?: string | undefined;
}

/** What the ledger knows, as far as whoever asks may see it. Every method throws Problem. */
export class History {
  readonly #call: Call;
  readonly #ledger: string;

  constructor(call: Call, ledger: string) {
    this.#call = call;
    this.#ledger = ledger;
  }

  async query(principal: Principal, query: HistoryQuery): Promise<Page> {
    const { events, cursor } = await this.#ask("query", { ...visible(principal), ...given(query) }, Page);
    const seen = events.filter(({ event }) => mayRead(principal, event.type, event.userId));
    return { events: seen, ...(cursor !== undefined && { cursor }) };
  }

  async get(principal: Principal, name: EventName): Promise<Found> {
    const found = await this.#ask("get", { ...ofUser(principal), ...given(name) }, Found);
    if (mayRead(principal, found.event.event.type, found.event.event.userId)) return found;
    throw unknownEvent(name.id);
  }

  /** Without the events that may not be seen, which are counted. */
  async lineage(
    principal: Principal,
    query: EventName & { direction?: string | undefined; limit?: number | undefined },
  ): Promise<Graph & { hidden: number }> {
    const { events, edges, focus, truncated } = await this.#ask(
      "lineage",
      { ...ofUser(principal), ...given(query) },
      Graph,
    );
    const places = new Map<number, number>();
    const seen = events.filter(({ type, userId }, place) => {
      const visible = mayRead(principal, type, userId);
      if (visible) places.set(place, places.size);
      return visible;
    });
    const place = places.get(focus);
    if (place === undefined) throw unknownEvent(query.id);
    return {
      events: seen,
      edges: edges.flatMap(({ from, to }) => {
        const [cause, effect] = [places.get(from), places.get(to)];
        return cause === undefined || effect === undefined ? [] : [{ from: cause, to: effect }];
      }),
      focus: place,
      truncated,
      hidden: events.length - seen.length,
    };
  }

  /** What came after an event, for a stream that is opened again; then what the ledger records, an empty page when that is nothing. */
  replay(principal: Principal): Replay {
    return (after) => this.#replay(principal, after);
  }

  async *#replay(
    principal: Principal,
    { sequence, ms }: Place,
  ): AsyncGenerator<{ event: Event; ms: number }[]> {
    const since = new Date(Math.max(0, ms - MARGIN_MS)).toISOString();
    const query = { ...visible(principal), since, order: "Oldest", limit: PAGE_EVENTS };
    let cursor: string | undefined;
    for (let replayed = 0; replayed < MAX_REPLAYED; ) {
      const page: Page = await this.#ask("query", { ...query, ...given({ cursor }) }, Page);
      const later = page.events.filter(({ event }) => event.sequence > sequence);
      replayed += later.length;
      yield later.map(({ event, storedMs }) => ({ event, ms: storedMs }));
      if (page.cursor === undefined) return;
      cursor = page.cursor;
      if (page.events.length === 0) await delay(POLL_MS);
    }
    throw new Error(`more than ${MAX_REPLAYED} events were missed`);
  }

  async #ask<T extends z.ZodType>(method: string, input: object, output: T): Promise<z.output<T>> {
    const name = `${this.#ledger}.${method}`;
    try {
      return output.parse(await this.#call(name, input, { timeoutMs: TIMEOUT_MS }));
    } catch (error) {
      throw this.#problem(error, name);
    }
  }

  #problem(cause: unknown, method: string): Problem {
    if (!(cause instanceof DriverError))
      return new Problem("LedgerFailed", `"${method}" answered what was not expected`, { cause });
    switch (cause.code) {
      case "NotFound":
        return new Problem("NotFound", cause.message, { cause });
      case "InvalidInput":
        return new Problem("InvalidParameter", cause.message, { cause });
      case "NotGranted":
        return new Problem(
          "LedgerUnavailable",
          `there is no history here: the gateway's Driver would have to be granted capabilities.call: ["${method}"], and a Driver "${this.#ledger}" to run`,
          { cause },
        );
      case "CallFailed":
      case "InvalidOutput":
        return new Problem("LedgerFailed", `"${method}" failed`, { cause });
      default:
        return new Problem("LedgerUnavailable", cause.message, { cause });
    }
  }
}

const unknownEvent = (id: string) => new Problem("NotFound", `there is no event "${id}" that you may see`);

const given = (record: object) =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));

/** What the ledger can leave out by itself; what it can't is left out after it has answered. */
function visible(principal: Principal): { types?: string[]; user?: string } {
  const types = [...new Set(principal.grants.flatMap(({ read }) => read))];
  return { ...(types.length <= MAX_TYPES && !types.includes(">") && { types }), ...ofUser(principal) };
}

/** Of several events of one id the one of the user who asks, where that is all that may be seen. */
function ofUser({ grants, userId }: Principal): { user?: string } {
  const own = grants.every(({ read, users }) => read.length === 0 || users === "Own");
  return own && userId !== undefined ? { user: userId } : {};
}
