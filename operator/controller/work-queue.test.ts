import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { ManualTiming } from "../timing.ts";
import { WorkQueue } from "./work-queue.ts";

const queue = (timing = new ManualTiming()) =>
  new WorkQueue({ timing, groupOf: (key) => key.slice(0, key.indexOf("/")), onReady: () => {} });

function drain(q: WorkQueue): string[] {
  const keys: string[] = [];
  for (let next = q.next(); next; next = q.next()) {
    keys.push(next.key);
    q.done(next.key);
  }
  return keys;
}

test("a group with many keys delays another's by one turn", () => {
  const q = queue();
  for (let i = 0; i < 100; i++) q.add(`crowd/${i}`);
  q.add("alone/1");
  q.add("alone/2");
  expect(drain(q).slice(0, 4)).toEqual(["crowd/0", "alone/1", "crowd/1", "alone/2"]);
});

test("of several times the soonest counts, and an immediate run calls the later one off", async () => {
  const timing = new ManualTiming();
  const q = queue(timing);
  q.addAfter("n/a", 500);
  q.addAfter("n/a", 100);
  q.addAfter("n/a", 900);
  await timing.advance(99);
  expect(q.depth).toBe(0);
  await timing.advance(1);
  expect(drain(q)).toEqual(["n/a"]);
  q.addAfter("n/b", 100);
  q.add("n/b");
  expect(drain(q)).toEqual(["n/b"]);
  await timing.advance(1_000);
  expect(q.depth).toBe(0);
});

test("waiting time is measured from the moment a key is ready", async () => {
  const timing = new ManualTiming();
  const q = queue(timing);
  q.add("n/a");
  await timing.advance(30);
  q.add("n/a");
  expect(q.next()).toEqual({ key: "n/a", waitedMs: 30 });
});

/** Drives the queue and keeps account of what it owes. */
class Account {
  readonly timing = new ManualTiming();
  readonly queue = queue(this.timing);
  readonly running = new Set<string>();
  readonly owed = new Set<string>();

  add(key: string, ms: number) {
    this.queue.addAfter(key, ms);
    this.owed.add(key);
  }

  take() {
    const next = this.queue.next();
    if (!next) return;
    expect(this.running.has(next.key)).toBe(false);
    this.running.add(next.key);
    this.owed.delete(next.key);
  }

  done(pick: number) {
    const key = [...this.running][pick % Math.max(1, this.running.size)];
    if (key && this.running.delete(key)) this.queue.done(key);
  }
}

type Step = (account: Account) => unknown;
const key = fc.constantFrom("a/1", "a/2", "b/1", "b/2", "c/1");
const step: fc.Arbitrary<Step> = fc.oneof(
  key.map((key) => (account: Account) => account.add(key, 0)),
  fc.tuple(key, fc.nat(50)).map(
    ([key, ms]) =>
      (account: Account) =>
        account.add(key, ms),
  ),
  fc.constant((account: Account) => account.take()),
  fc.nat(10).map((pick) => (account: Account) => account.done(pick)),
  fc.nat(60).map((ms) => (account: Account) => account.timing.advance(ms)),
);

test("never two runs of a key at a time, and after every addition there is a run", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const account = new Account();
      for (const take of steps) await take(account);
      while (account.running.size > 0) account.done(0);
      await account.timing.advance(100);
      for (const key of drain(account.queue)) account.owed.delete(key);
      expect([...account.owed]).toEqual([]);
      expect(account.queue.idle).toBe(true);
    }),
  );
});

test("a closed queue takes nothing and forgets what waited", async () => {
  const timing = new ManualTiming();
  const q = queue(timing);
  q.add("n/a");
  q.addAfter("n/b", 10);
  q.close();
  q.add("n/c");
  await timing.advance(20);
  expect(drain(q)).toEqual([]);
  expect(q.idle).toBe(true);
});
