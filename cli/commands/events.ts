import { setTimeout as delay } from "node:timers/promises";
import type { DriverCalls } from "@vextir/operator/bus/index.ts";
import pico from "picocolors";
import type { ShownEvent, ShownHandling, ShownLineage } from "../events/shapes.ts";
import { eventLine, eventText, lineageTree } from "../events/text.ts";
import { withDriver } from "../local/ledger-client.ts";
import { runningState } from "./get.ts";

export interface LedgerOptions {
  namespace: string;
  ledger: string;
  state?: string;
  output?: string;
  color: boolean;
}

export interface TailOptions extends LedgerOptions {
  types?: string[];
  user?: string;
  publisher?: string;
  text?: string;
  last: number;
  follow: boolean;
}

const POLL_MS = 500;
const MAX_LAST = 200;

interface Page {
  events: ShownEvent[];
  cursor?: string;
}

/** Prints what was recorded last, and then what is recorded, until the process ends. */
export async function tailEvents(options: TailOptions, print: (line: string) => void): Promise<void> {
  const { types, user, publisher, text, follow, last } = options;
  const filter = {
    ...(types && { types }),
    ...(user && { user }),
    ...(publisher && { publisher }),
    ...(text && { text }),
  };
  const colors = pico.createColors(options.color);
  const show = (event: ShownEvent) =>
    print(options.output === "json" ? JSON.stringify(event) : eventLine(event, colors));
  await ask(options, async (ledger) => {
    const limit = Math.min(MAX_LAST, Math.max(1, Math.round(last) || 1));
    const before = await ledger.call<Page>("query", { ...filter, limit });
    const seen = new Set(before.events.map(keyOf));
    for (const event of before.events.toReversed()) show(event);
    // From the earliest of those on, which are known, so that nothing between the two questions is missed.
    const since = before.events.at(-1)?.storedAt;
    let cursor: string | undefined;
    while (follow) {
      const page = await ledger.call<Page>("query", {
        ...filter,
        order: "Oldest",
        limit: MAX_LAST,
        ...(since && { since }),
        ...(cursor && { cursor }),
      });
      for (const event of page.events) if (!seen.delete(keyOf(event))) show(event);
      cursor = page.cursor ?? cursor;
      if (page.events.length === 0) await delay(POLL_MS);
    }
  });
}

const keyOf = ({ publisher, id, storedAt }: ShownEvent) => `${publisher} ${id} ${storedAt}`;

/** @throws BusError `Refused` when there is no such event. */
export function showEvent(id: string, options: LedgerOptions): Promise<string> {
  return ask(options, async (ledger) => {
    const found = await ledger.call<{
      event: ShownEvent & Record<string, unknown>;
      handlings: ShownHandling[];
    }>("get", { id });
    if (options.output === "json") return JSON.stringify(found, null, 2);
    return eventText(found.event, found.handlings, pico.createColors(options.color));
  });
}

/** @throws BusError `Refused` when there is no such event. */
export function showLineage(id: string, options: LedgerOptions): Promise<string> {
  return ask(options, async (ledger) => {
    const graph = await ledger.call<ShownLineage>("lineage", { id });
    if (options.output === "json") return JSON.stringify(graph, null, 2);
    return lineageTree(graph, pico.createColors(options.color)).join("\n");
  });
}

const ask = <T>({ state, namespace, ledger }: LedgerOptions, work: (calls: DriverCalls) => Promise<T>) =>
  withDriver(state ?? runningState(), { namespace, name: ledger }, work);
