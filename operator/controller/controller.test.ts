import { expect, test } from "@jest/globals";
import type { ObjectKey } from "../cluster.ts";
import { ManualTiming } from "../timing.ts";
import { Controller, type ControllerOptions } from "./controller.ts";
import type { Outcome } from "./observer.ts";
import { TerminalError } from "./result.ts";

const silent = { debug() {}, warn() {}, error() {} } as unknown as ControllerOptions["log"];
const named = (name: string): ObjectKey => ({ namespace: "team", name });

function setup(options: Partial<ControllerOptions> & Pick<ControllerOptions, "reconcile">) {
  const timing = new ManualTiming();
  const outcomes: Outcome[] = [];
  const observer = () => ({ started() {}, finished: (outcome: Outcome) => void outcomes.push(outcome) });
  const controller = new Controller({
    name: "test",
    log: silent,
    timing,
    observer,
    random: () => 1,
    ...options,
  });
  return { timing, outcomes, controller };
}

test("a key that is added while it runs runs once more, not twice at a time", async () => {
  let running = 0;
  let runs = 0;
  const { controller } = setup({
    reconcile: async (key) => {
      expect(++running).toBe(1);
      if (++runs === 1) {
        controller.enqueue(key);
        controller.enqueue(key);
      }
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    },
  });
  controller.enqueue(named("a"));
  controller.start();
  await controller.idle();
  expect(runs).toBe(2);
});

test("no more runs at a time than allowed", async () => {
  let running = 0;
  let most = 0;
  const { controller } = setup({
    concurrency: 3,
    reconcile: async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    },
  });
  controller.start();
  for (let i = 0; i < 20; i++) controller.enqueue(named(`${i}`));
  await controller.idle();
  expect(most).toBe(3);
});

test("a failing key is retried with growing delays; success forgets the failures", async () => {
  const at: number[] = [];
  let healthy = false;
  const { controller, timing, outcomes } = setup({
    backoff: { baseMs: 100, maxMs: 400 },
    reconcile: async () => {
      at.push(timing.now());
      if (!healthy) throw new Error("not yet");
    },
  });
  controller.start();
  controller.enqueue(named("a"));
  await timing.advance(1_150);
  expect(at).toEqual([0, 100, 300, 700, 1_100]);
  healthy = true;
  await timing.advance(400);
  healthy = false;
  controller.enqueue(named("a"));
  await timing.advance(100);
  expect(at.slice(-2)).toEqual([1_550, 1_650]);
  expect(outcomes.filter((outcome) => outcome === "done")).toHaveLength(1);
});

test("one key's failures hold up no other", async () => {
  const ran = new Set<string>();
  const { controller } = setup({
    concurrency: 1,
    reconcile: async ({ name }) => {
      if (name === "poison") throw new Error("always");
      ran.add(name);
    },
  });
  controller.start();
  for (const name of ["poison", "a", "b"]) controller.enqueue(named(name));
  await controller.idle();
  expect([...ran]).toEqual(["a", "b"]);
});

test("a TerminalError waits for a change", async () => {
  let runs = 0;
  const { controller, timing, outcomes } = setup({
    reconcile: async () => {
      runs++;
      throw new TerminalError("refused");
    },
  });
  controller.start();
  controller.enqueue(named("a"));
  await timing.advance(3_600_000);
  expect(runs).toBe(1);
  expect(outcomes).toEqual(["terminal"]);
  controller.enqueue(named("a"));
  await controller.idle();
  expect(runs).toBe(2);
});

test("a result asks for the next run", async () => {
  const at: number[] = [];
  const { controller, timing } = setup({
    reconcile: async () => {
      at.push(timing.now());
      return { requeueAfterMs: 1_000 };
    },
  });
  controller.start();
  controller.enqueue(named("a"));
  await timing.advance(2_500);
  expect(at).toEqual([0, 1_000, 2_000]);
});

test("a run that takes too long is told, and counts as failed", async () => {
  let reason: unknown;
  const { controller, timing, outcomes } = setup({
    deadlineMs: 50,
    reconcile: (_key, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          reason = signal.reason;
          reject(signal.reason);
        });
      }),
  });
  controller.start();
  controller.enqueue(named("slow"));
  await timing.advance(50);
  expect(String(reason)).toContain("team/slow");
  expect(outcomes).toEqual(["failed"]);
});

test("stop waits for what runs and starts nothing more", async () => {
  const ended: string[] = [];
  const { controller } = setup({
    concurrency: 1,
    reconcile: async ({ name }, signal) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await new Promise((resolve) => setImmediate(resolve));
      ended.push(name);
    },
  });
  controller.start();
  controller.enqueue(named("a"));
  controller.enqueue(named("b"));
  expect(await controller.stop()).toBe(true);
  expect(ended).toEqual(["a"]);
});

test("stop gives up on a run that heeds no signal", async () => {
  const { controller, timing } = setup({ reconcile: () => new Promise(() => {}) });
  controller.start();
  controller.enqueue(named("stuck"));
  const stopped = controller.stop(1_000);
  await timing.advance(1_000);
  expect(await stopped).toBe(false);
});

test("cluster-wide objects have no namespace", async () => {
  const keys: ObjectKey[] = [];
  const { controller } = setup({ reconcile: async (key) => void keys.push(key) });
  controller.start();
  controller.enqueue({ name: "policy" });
  controller.enqueue(named("a"));
  await controller.idle();
  expect(keys).toEqual([{ name: "policy" }, named("a")]);
});
