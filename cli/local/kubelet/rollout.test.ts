import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type RolloutPod, rolloutStep } from "./rollout.ts";

const pod = (name: string, state: Partial<RolloutPod> = {}): RolloutPod => ({
  name,
  template: name.startsWith("new") ? "new" : "old",
  ready: true,
  terminating: false,
  createdAt: 0,
  ...state,
});

describe("one step", () => {
  const unready = { ready: false };
  const cases = [
    { reason: "nothing there", replicas: 2, pods: [], create: 2, terminate: [] },
    { reason: "as wanted", replicas: 1, pods: [pod("new1")], create: 0, terminate: [] },
    {
      reason: "scaled to zero",
      replicas: 0,
      pods: [pod("new1"), pod("old1")],
      create: 0,
      terminate: ["new1", "old1"],
    },
    {
      reason: "one too many: the one that costs least goes, though it is older",
      replicas: 1,
      pods: [pod("new1", { createdAt: 1 }), pod("new2", { createdAt: 2, cost: 3 })],
      create: 0,
      terminate: ["new1"],
    },
    {
      reason: "one more than wanted while the old one serves",
      replicas: 1,
      pods: [pod("old1")],
      create: 1,
      terminate: [],
    },
    {
      reason: "the old one stays until the new one is ready",
      replicas: 1,
      pods: [pod("old1"), pod("new1", unready)],
      create: 0,
      terminate: [],
    },
    {
      reason: "the old one goes when the new one is ready",
      replicas: 1,
      pods: [pod("old1"), pod("new1")],
      create: 0,
      terminate: ["old1"],
    },
    {
      reason: "a broken old one doesn't hold up its successor",
      replicas: 1,
      pods: [pod("old1", unready)],
      create: 1,
      terminate: [],
    },
    {
      reason: "a pod on its way out makes room",
      replicas: 1,
      pods: [pod("new1", { terminating: true })],
      create: 1,
      terminate: [],
    },
    {
      reason: "the pod that isn't ready is scaled away first",
      replicas: 1,
      pods: [pod("new1"), pod("new2", unready)],
      create: 0,
      terminate: ["new2"],
    },
    {
      reason: "then the newest",
      replicas: 1,
      pods: [pod("new1", { createdAt: 2 }), pod("new2", { createdAt: 1 })],
      create: 0,
      terminate: ["new1"],
    },
    {
      reason: "rolled back: the pod of the template that never became ready goes",
      replicas: 1,
      pods: [pod("new1"), pod("old1", unready)],
      create: 0,
      terminate: ["old1"],
    },
  ];
  test.each(cases)("$reason", ({ replicas, pods, create, terminate }) => {
    expect(rolloutStep(replicas, "new", pods)).toEqual({ create, terminate });
  });
});

test("a whole update never has fewer ready pods than wanted, nor more than one pod too many, and ends", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.nat(), { maxLength: 200, minLength: 60 }),
      (replicas, chances) => {
        let pods = Array.from({ length: replicas }, (_, i) => pod(`old${i}`));
        let made = 0;
        for (const chance of chances) {
          const step = rolloutStep(replicas, "new", pods);
          pods = pods.map((p) => (step.terminate.includes(p.name) ? { ...p, terminating: true } : p));
          for (let i = 0; i < step.create; i++) pods.push(pod(`new${made++}`, { ready: false }));
          const alive = pods.filter((p) => !p.terminating);
          expect(alive.filter((p) => p.ready).length).toBeGreaterThanOrEqual(replicas);
          expect(alive.length).toBeLessThanOrEqual(replicas + 1);
          // The world moves: a pod that ends is gone, or one that starts becomes ready.
          pods = pods.filter((p) => !p.terminating || chance % 2 === 0);
          const starting = pods.find((p) => !p.ready);
          if (starting && chance % 3 === 0) starting.ready = true;
        }
        for (let i = 0; i < 3 * replicas + 3; i++) {
          const step = rolloutStep(replicas, "new", pods);
          pods = pods
            .filter((p) => !step.terminate.includes(p.name) && !p.terminating)
            .map((p) => ({ ...p, ready: true }));
          for (let n = 0; n < step.create; n++) pods.push(pod(`new${made++}`));
        }
        expect(pods.map((p) => p.template)).toEqual(Array(replicas).fill("new"));
      },
    ),
  );
});
