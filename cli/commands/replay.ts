import { setTimeout as delay } from "node:timers/promises";
import { type ReplayPage, ReplayRequest } from "@vextir/api";
import { LocalError } from "../local/local-error.ts";
import { instantOf, understood } from "../redelivery/input.ts";
import { type Redeliveries, type RedeliveryOptions, withRedeliveries } from "../redelivery/redeliveries.ts";
import { countsText } from "../redelivery/text.ts";

export interface ReplayOptions extends RedeliveryOptions {
  driver: string;
  from: string;
  to?: string;
  types?: string[];
  dryRun?: boolean;
  /** Of an earlier replay that this goes on with, behind `after`. */
  id?: string;
  after?: number;
  output?: string;
}

/** DIRECTED has no room: the driver handles what is in it meanwhile. */
const FULL_MS = 1_000;
const TELL_MS = 2_000;

/**
 * `vextir replay`: text for the screen. Ends between two pages when `signal` is aborted, and tells how to go on then as after a failure.
 * @throws LocalError, BusError, OperatorError, ClusterError
 */
export async function replay(
  options: ReplayOptions,
  tell: (line: string) => void,
  signal?: AbortSignal,
): Promise<string> {
  const now = Date.now();
  const { driver, from, to, types, dryRun, id, after } = options;
  if ((id === undefined) !== (after === undefined))
    throw new LocalError("BadInput", "--id and --after belong together: they are of a replay to go on with");
  const request = understood(ReplayRequest, {
    from: instantOf(from, now),
    to: to === undefined ? new Date(now).toISOString() : instantOf(to, now),
    ...(types && { types }),
    ...(dryRun && { dryRun }),
    ...(id !== undefined && { replay: id }),
    ...(after !== undefined && { after }),
  });
  const course = new Course(driver, request, tell);
  await withRedeliveries(options, (redeliveries) => course.run(redeliveries, signal));
  return options.output === "json" ? JSON.stringify(course.result, null, 2) : course.text;
}

class Course {
  readonly result: Pick<ReplayPage, "types" | "repeated" | "tooLarge"> & { replay?: string; events: number };
  readonly #driver: string;
  readonly #tell: (line: string) => void;
  #request: ReplayRequest;
  #toldMs = Date.now();
  #isEnded = false;

  constructor(driver: string, request: ReplayRequest, tell: (line: string) => void) {
    this.#driver = driver;
    this.#request = request;
    this.#tell = tell;
    this.result = { events: 0, types: {}, repeated: 0, tooLarge: 0 };
  }

  async run(from: Redeliveries, signal: AbortSignal | undefined): Promise<void> {
    try {
      while (!this.#isEnded && !signal?.aborted) {
        const page = await from.replay(this.#driver, this.#request);
        this.#add(page);
        if (page.full) await delay(FULL_MS);
      }
    } finally {
      const { replay, from: begin, to, after, dryRun } = this.#request;
      if (!this.#isEnded && replay !== undefined && !dryRun)
        this.#tell(
          `not at its end: it goes on with the same --driver and --types, and --from ${begin} --to ${to} --id ${replay} --after ${after ?? 0}`,
        );
    }
  }

  #add(page: ReplayPage): void {
    const { result } = this;
    result.replay = page.replay;
    result.repeated += page.repeated;
    result.tooLarge += page.tooLarge;
    for (const [type, count] of Object.entries(page.types)) {
      result.types[type] = (result.types[type] ?? 0) + count;
      result.events += count;
    }
    const { replay, through, next } = page;
    this.#isEnded = next === undefined;
    this.#request = { ...this.#request, replay, through, ...(next !== undefined && { after: next }) };
    this.#progress(page);
  }

  #progress({ at, full }: ReplayPage): void {
    if (this.#isEnded || Date.now() - this.#toldMs < TELL_MS) return;
    this.#toldMs = Date.now();
    const waits = full ? "; the bus holds no more for the driver until it has handled some" : "";
    this.#tell(`${this.result.events} events so far, up to ${at ?? "the beginning"}${waits}`);
  }

  get text(): string {
    const { events, types, repeated, tooLarge, replay } = this.result;
    const counts = events > 0 ? `: ${countsText(types)}` : "";
    return this.#request.dryRun
      ? `${events} events would be sent to ${this.#driver}${counts}`
      : [
          `${events} events sent to ${this.#driver}${counts}`,
          ...(repeated > 0 ? [`${repeated} had been sent by it before`] : []),
          ...(tooLarge > 0 ? [`${tooLarge} were too large to be sent again`] : []),
          `replay ${replay}`,
        ].join("\n");
  }
}
