import { expect, test } from "@jest/globals";
import { ClusterError } from "./cluster.ts";
import { ReviewGate } from "./review-gate.ts";

const AWAY = () => Promise.reject(new ClusterError("Unavailable", "the API server is away"));

/** Questions that a test answers. */
function questions() {
  const open: (() => void)[] = [];
  const ask = () => new Promise<string>((resolve) => open.push(() => resolve("yes")));
  return { open, ask };
}

test("so many at a time, so many wait, and not for long", async () => {
  const gate = new ReviewGate({ clock: { now: () => 0 }, maxInFlight: 2, maxWaiting: 2, maxWaitMs: 50 });
  const { open, ask } = questions();
  const asked = [1, 2, 3, 4, 5].map(() => gate.ask(ask));
  expect(await asked[4]).toBeUndefined();
  expect(open).toHaveLength(2);
  open[0]?.();
  expect(await asked[0]).toEqual({ answer: "yes" });
  await new Promise(setImmediate);
  expect(open).toHaveLength(3);
  // The fourth has waited too long.
  expect(await asked[3]).toBeUndefined();
  open[1]?.();
  open[2]?.();
  expect(await Promise.all([asked[1], asked[2]])).toEqual([{ answer: "yes" }, { answer: "yes" }]);
});

test("away after three failures in a row; then one asks, and all when it was answered", async () => {
  let now = 0;
  const gate = new ReviewGate({ clock: { now: () => now } });
  let asked = 0;
  const count = (work: () => Promise<string>) => () => {
    asked++;
    return work();
  };
  const good = async () => "yes";
  await gate.ask(AWAY);
  await gate.ask(AWAY);
  expect(await gate.ask(good)).toEqual({ answer: "yes" });
  for (let n = 0; n < 5; n++) await gate.ask(count(AWAY));
  expect(asked).toBe(3);
  now = 5_000;
  const { open, ask } = questions();
  const probe = gate.ask(ask);
  expect(await gate.ask(count(good))).toBeUndefined();
  open[0]?.();
  expect(await probe).toEqual({ answer: "yes" });
  expect(await gate.ask(good)).toEqual({ answer: "yes" });
});

test("a failure that is none of the API server's is the caller's, and leaves its place", async () => {
  const gate = new ReviewGate({ clock: { now: () => 0 }, maxInFlight: 1 });
  const cause = new TypeError("a bug");
  await expect(gate.ask(() => Promise.reject(cause))).rejects.toBe(cause);
  expect(await gate.ask(async () => "yes")).toEqual({ answer: "yes" });
});
