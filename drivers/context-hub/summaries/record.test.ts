import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  claimed,
  marked,
  type Pace,
  postponed,
  released,
  type SummaryRecord,
  settled,
  wantedMs,
} from "./record.ts";

const PACE: Pace = { debounceMs: 10_000, maxDelayMs: 60_000, everyMs: undefined };
const LEASE_MS = 100_000;
const mark = (before: SummaryRecord | undefined, nowMs: number, id?: string, pace = PACE) =>
  marked(before, { user: "u", cause: id === undefined ? undefined : { id }, nowMs }, pace);

describe("a summary is due", () => {
  test("when changes rest", () => {
    const first = mark(undefined, 0, "a");
    expect(first).toEqual({ user: "u", sinceMs: 0, dueMs: 10_000, cause: { id: "a" } });
    expect(mark(first, 8_000, "b")).toMatchObject({ sinceMs: 0, dueMs: 18_000, cause: { id: "b" } });
  });

  test("not later than the longest delay after the first change, however many come", () => {
    let record = mark(undefined, 0);
    for (let nowMs = 0; nowMs < 59_000; nowMs += 1_000) record = mark(record, nowMs) ?? record;
    expect(record?.dueMs).toBeLessThanOrEqual(60_000);
  });

  test("without a write for what is told twice, or follows closely", () => {
    const first = mark(undefined, 0, "a");
    expect(mark(first, 9_000, "a")).toBeUndefined();
    expect(mark(first, 1_000, "b")).toBeUndefined();
  });

  test("by the clock, where that is asked for, after it was made once", () => {
    const pace = { ...PACE, everyMs: 5_000 };
    expect(wantedMs({ user: "u" }, pace)).toBeUndefined();
    expect(wantedMs({ user: "u", doneMs: 1_000 }, pace)).toBe(6_000);
    expect(wantedMs({ user: "u", doneMs: 1_000 }, PACE)).toBeUndefined();
  });

  test("later and later, when the hub can't", () => {
    let record = mark(undefined, 0) as SummaryRecord;
    const waits = Array.from({ length: 30 }, () => {
      record = postponed(claimed(record, 0, LEASE_MS), 0, PACE);
      return record.dueMs;
    });
    expect(waits.slice(0, 3)).toEqual([10_000, 20_000, 40_000]);
    expect(waits.at(-1)).toBe(600_000);
  });
});

describe("one that is claimed", () => {
  test("is nobody else's until the claim is over", () => {
    const record = claimed(mark(undefined, 0) as SummaryRecord, 10_000, LEASE_MS);
    expect(wantedMs(record, PACE)).toBe(110_000);
  });

  test("is due at once when it is given back, unless it is somebody else's by now", () => {
    const record = claimed(mark(undefined, 0) as SummaryRecord, 10_000, LEASE_MS);
    expect(wantedMs(released(record, record.claim), PACE)).toBe(10_000);
    const taken = claimed(record, 200_000, LEASE_MS);
    expect(released(taken, record.claim)).toEqual(taken);
  });

  test("rests once it is made", () => {
    const record = claimed(mark(undefined, 0, "a") as SummaryRecord, 10_000, LEASE_MS);
    expect(settled(record, record.claim, 11_000)).toEqual({ user: "u", doneMs: 11_000 });
  });

  test("is due again when something changes while it is made, also by the same event", () => {
    const record = claimed(mark(undefined, 0, "a") as SummaryRecord, 10_000, LEASE_MS);
    const during = mark(record, 10_500, "a") as SummaryRecord;
    expect(settled(during, record.claim, 11_000)).toEqual({
      ...{ user: "u", sinceMs: 10_500, dueMs: 20_500, doneMs: 11_000, cause: { id: "a" } },
    });
  });
});

/** One record, and one pod that works on it. */
class World {
  record: SummaryRecord | undefined;
  #nowMs = 1;
  #changedMs = 0;
  /** Up to when changes are in the summary. */
  #readMs = 0;
  #working: { claim: SummaryRecord["claim"]; readMs: number } | undefined;

  readonly steps: Record<string, () => void> = {
    change: () => {
      this.#changedMs = this.#nowMs;
      this.record = mark(this.record, this.#nowMs) ?? this.record;
    },
    work: () => {
      const wanted = this.record && wantedMs(this.record, PACE);
      if (!this.record || this.#working || wanted === undefined || wanted > this.#nowMs) return;
      this.record = claimed(this.record, this.#nowMs, LEASE_MS);
      this.#working = { claim: this.record.claim, readMs: this.#nowMs };
    },
    finish: () => {
      if (!this.record || !this.#working) return;
      this.record = settled(this.record, this.#working.claim, this.#nowMs);
      this.#readMs = this.#working.readMs;
      this.#working = undefined;
    },
    fail: () => {
      if (this.record && this.#working) this.record = postponed(this.record, this.#nowMs, PACE);
      this.#working = undefined;
    },
    crash: () => {
      this.#working = undefined;
    },
  };

  step(what: string, afterMs: number): void {
    this.#nowMs += afterMs;
    this.steps[what]?.();
  }

  get isForgotten(): boolean {
    const isOpen = this.#changedMs > this.#readMs && !this.#working;
    return isOpen && (!this.record || wantedMs(this.record, PACE) === undefined);
  }
}

test("whatever happens in whatever order, a change is in a summary that is made after it, or one is due", () => {
  const what = fc.constantFrom("change", "change", "work", "finish", "fail", "crash");
  fc.assert(
    fc.property(fc.array(fc.tuple(what, fc.nat({ max: 30_000 })), { maxLength: 60 }), (steps) => {
      const world = new World();
      for (const [each, afterMs] of steps) {
        world.step(each, afterMs);
        expect(world.isForgotten).toBe(false);
      }
    }),
  );
});
