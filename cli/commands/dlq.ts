import { setTimeout as delay } from "node:timers/promises";
import {
  type DeadLetter,
  DeadLetterFilter,
  type DeadLetterSelection,
  type LettersDone,
  MAX_DEAD_LETTERS,
  type RedriveRequest,
} from "@vextir/api";
import { LocalError } from "../local/local-error.ts";
import { instantOf, understood } from "../redelivery/input.ts";
import { type Redeliveries, type RedeliveryOptions, withRedeliveries } from "../redelivery/redeliveries.ts";
import { countsText, lettersTable, letterText } from "../redelivery/text.ts";

export interface LettersOptions extends RedeliveryOptions {
  driver?: string;
  subscription?: string;
  type?: string;
  reason?: string;
  user?: string;
  from?: string;
  to?: string;
  output?: string;
}

/** DIRECTED has no room: the drivers handle what is in it meanwhile. */
const FULL_MS = 1_000;

/** `vextir dlq list`: text for the screen. @throws LocalError, BusError, OperatorError, ClusterError */
export async function listLetters(
  options: LettersOptions & { limit: number; after?: number },
): Promise<string> {
  const selection = { ...filterOf(options), after: options.after ?? 0 };
  const { letters, next } = await withRedeliveries(options, (from) => upTo(from, selection, options.limit));
  if (options.output === "json") return JSON.stringify(letters, null, 2);
  const more = next === undefined ? [] : ["", `There may be more: --after ${next}`];
  return [...lettersTable(letters), ...more].join("\n");
}

/** Page by page, as many as are wanted. */
async function upTo(from: Redeliveries, selection: DeadLetterSelection, limit: number) {
  const letters: DeadLetter[] = [];
  let next: number | undefined = selection.after ?? 0;
  while (next !== undefined && letters.length < limit) {
    const page: Awaited<ReturnType<Redeliveries["list"]>> = await from.list({
      ...selection,
      ...(next > 0 && { after: next }),
      limit: Math.min(MAX_DEAD_LETTERS, limit - letters.length),
    });
    letters.push(...page.letters);
    next = page.next;
  }
  return { letters, next };
}

/** `vextir dlq show <number>`: text for the screen. @throws as `listLetters`; LocalError `NotFound` */
export async function showLetter(sequence: number, options: LettersOptions): Promise<string> {
  const found = await withRedeliveries(options, (from) => from.show(sequence, options.driver));
  return options.output === "json" ? JSON.stringify(found, null, 2) : letterText(found);
}

export interface ManyOptions extends LettersOptions {
  all?: boolean;
  unverified?: boolean;
}

/** `vextir dlq redrive [numbers]`: text for the screen. @throws as `listLetters` */
export async function redriveLetters(
  sequences: readonly number[],
  options: ManyOptions,
  tell: (line: string) => void,
): Promise<string> {
  const request = { ...selectionOf(sequences, options), ...(options.unverified && { unverified: true }) };
  return many("redriven", request, options, tell, (from, page) => from.redrive(page));
}

/** `vextir dlq drop [numbers]`: text for the screen. @throws as `listLetters` */
export async function dropLetters(
  sequences: readonly number[],
  options: ManyOptions,
  tell: (line: string) => void,
): Promise<string> {
  const selection = selectionOf(sequences, options);
  return many("dropped", selection, options, tell, (from, page) => from.drop(page));
}

async function many(
  done: string,
  request: RedriveRequest,
  options: ManyOptions,
  tell: (line: string) => void,
  step: (from: Redeliveries, page: RedriveRequest) => Promise<LettersDone>,
): Promise<string> {
  const total = await withRedeliveries(options, async (from) => {
    const sum: LettersDone = { done: 0, types: {}, skipped: [], through: 0 };
    for (const part of partsOf(request)) await all(from, part, sum, { done, tell, step });
    return sum;
  });
  if (options.output === "json") return JSON.stringify(total, null, 2);
  const counts = total.done > 0 ? `: ${countsText(total.types)}` : "";
  return [
    `${total.done} ${done}${counts}`,
    ...total.skipped.map(({ sequence, reason }) => `${sequence} left where it is: ${WHY[reason]}`),
  ].join("\n");
}

const WHY: Record<LettersDone["skipped"][number]["reason"], string> = {
  NoSuchSubscription: "its driver, or the subscription that it came by, is not there",
  EventGone: "the bus no longer has its event; --unverified takes what the driver kept of it, at its word",
  TooLarge: "the event is too large to be sent again",
  BadLetter: "it names an event that its subscription is not given",
};

interface Steps {
  done: string;
  tell: (line: string) => void;
  step: (from: Redeliveries, page: RedriveRequest) => Promise<LettersDone>;
}

/** Page by page. */
async function all(
  from: Redeliveries,
  request: RedriveRequest,
  sum: LettersDone,
  steps: Steps,
): Promise<void> {
  let page = request;
  for (;;) {
    const part = await steps.step(from, page);
    sum.done += part.done;
    sum.skipped.push(...part.skipped);
    for (const [type, count] of Object.entries(part.types)) sum.types[type] = (sum.types[type] ?? 0) + count;
    if (part.full) {
      steps.tell("the drivers have as much to handle as the bus holds for them: waiting");
      await delay(FULL_MS);
      // The numbers that are done are gone from the dead letters.
      if (page.sequences) continue;
    }
    if (part.next === undefined) return;
    page = { ...page, after: part.next, through: part.through };
    steps.tell(`${sum.done} ${steps.done} so far`);
  }
}

/** Numbers in parts that one request takes. */
function partsOf(request: RedriveRequest): RedriveRequest[] {
  const { sequences } = request;
  if (!sequences) return [request];
  const parts: RedriveRequest[] = [];
  for (let i = 0; i < sequences.length; i += MAX_DEAD_LETTERS)
    parts.push({ ...request, sequences: sequences.slice(i, i + MAX_DEAD_LETTERS) });
  return parts;
}

function filterOf(options: LettersOptions): DeadLetterSelection {
  const { driver, subscription, type, reason, user, from, to } = options;
  const now = Date.now();
  return understood(DeadLetterFilter, {
    ...(driver !== undefined && { driver }),
    ...(subscription !== undefined && { subscription }),
    ...(type !== undefined && { type }),
    ...(reason !== undefined && { reason }),
    ...(user !== undefined && { user }),
    ...(from !== undefined && { from: instantOf(from, now) }),
    ...(to !== undefined && { to: instantOf(to, now) }),
  });
}

/** Nobody means all of them by having left something out. */
function selectionOf(sequences: readonly number[], options: ManyOptions): DeadLetterSelection {
  const filter = filterOf(options);
  if (sequences.length > 0) return { ...filter, sequences: [...new Set(sequences)] };
  if (Object.keys(filter).length > 0 || options.all) return filter;
  throw new LocalError("BadInput", "which ones? Give their numbers, a filter such as --driver, or --all");
}
