import type { Schedule } from "@vextir/api";
import { Cron } from "croner";

/** The schedule in force, and until when. */
export interface Scheduled {
  minReplicaCount: number;
  /** For people: `0 8 * * 1-5 (Europe/Berlin)`. */
  name: string;
}

/** Nothing in force: before the first time of each, as far back as there are any. */
const NONE: Scheduled = { minReplicaCount: 0, name: "" };

/**
 * Minimums by the clock: the schedule that began last is in force until another one begins; of two that begin together the higher
 * minimum counts. It follows from the time alone, so a clock that jumps and a new leader find the same.
 *
 * Where clocks are put forward, what falls into the hour that is left out begins at its end; where they are put back, it begins the
 * first time. A schedule of each hour or minute goes by the time that really passes.
 */
export class Schedules {
  readonly #schedules: readonly { schedule: Schedule; cron: Cron }[];
  /** What was found, and the time for which it holds: from inclusive, to exclusive. */
  #known = { from: 1, to: 0, scheduled: NONE };

  /** @throws Error when a schedule can't be read: `schedulesProblem` says what is wrong. */
  constructor(schedules: readonly Schedule[]) {
    this.#schedules = schedules.map((schedule) => ({ schedule, cron: cronOf(schedule) }));
  }

  /** @param now Milliseconds since 1970. */
  at(now: number): Scheduled {
    if (this.#schedules.length === 0) return NONE;
    if (now < this.#known.from || now >= this.#known.to) this.#known = this.#find(now);
    return this.#known.scheduled;
  }

  #find(now: number) {
    // The run at the very millisecond counts as one before.
    const reference = new Date(now + 1);
    let scheduled = NONE;
    let from = Number.NEGATIVE_INFINITY;
    let to = Number.POSITIVE_INFINITY;
    for (const { schedule, cron } of this.#schedules) {
      const began = cron.previousRuns(1, reference)[0]?.getTime() ?? Number.NEGATIVE_INFINITY;
      to = Math.min(to, cron.nextRun(reference)?.getTime() ?? to);
      const isLater =
        began > from || (began === from && schedule.minReplicaCount > scheduled.minReplicaCount);
      if (!Number.isFinite(began) || !isLater) continue;
      from = began;
      scheduled = {
        minReplicaCount: schedule.minReplicaCount,
        name: `${schedule.cron} (${schedule.timezone})`,
      };
    }
    return { from, to, scheduled };
  }
}

/** What is wrong with the schedules, with its place; undefined: nothing. */
export function schedulesProblem(schedules: readonly Schedule[], field: string): string | undefined {
  for (const [index, schedule] of schedules.entries()) {
    const { cron, timezone } = schedule;
    const place = `${field}[${index}]`;
    if (!isTimezone(timezone))
      return `${place}.timezone: "${timezone}" is no time zone of the IANA database; write one such as Europe/Berlin`;
    try {
      if (cronOf(schedule).nextRun() === null) return `${place}.cron: "${cron}" never comes`;
    } catch (error) {
      return `${place}.cron: "${cron}" can't be read: ${(error as Error).message}`;
    }
  }
  return undefined;
}

/** Never started: it is only asked for times. */
const cronOf = ({ cron, timezone }: Schedule) => new Cron(cron, { timezone, mode: "5-part", paused: true });

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
