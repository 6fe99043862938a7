import { expect, test } from "@jest/globals";
import { DriverSpec } from "@vextir/api";
import { quotasOf } from "./connections.ts";

const spec = (more: object) => DriverSpec.parse({ class: "IO", image: "x", capabilities: {}, ...more });

test.each([
  { reason: "one pod", more: {}, pods: 1, policy: {}, connections: 40 },
  { reason: "none, yet somebody may look", more: { replicas: 0 }, pods: 0, policy: {}, connections: 40 },
  { reason: "a few more change nothing", more: { replicas: 8 }, pods: 3, policy: {}, connections: 40 },
  { reason: "many", more: { replicas: 9 }, pods: 1, policy: {}, connections: 72 },
  { reason: "as many as can be", more: { replicas: 1_000 }, pods: 1, policy: {}, connections: 4_104 },
  {
    reason: "the autoscaler's most",
    more: { scaling: { maxReplicaCount: 50 } },
    pods: 1,
    policy: {},
    connections: 264,
  },
  { reason: "scaled down, still draining", more: { replicas: 1 }, pods: 40, policy: {}, connections: 264 },
  {
    reason: "a pod less of them changes nothing",
    more: { replicas: 1 },
    pods: 39,
    policy: {},
    connections: 264,
  },
  { reason: "a policy's bound", more: { replicas: 9 }, pods: 9, policy: { connections: 5 }, connections: 5 },
  { reason: "a policy that is generous", more: {}, pods: 1, policy: { connections: 500 }, connections: 40 },
])("$reason: $connections connections", ({ more, pods, policy, connections }) => {
  expect(quotasOf(spec(more), pods, policy)).toEqual({ connections });
});

test("other quotas of a policy stay", () => {
  expect(quotasOf(spec({}), 1, { subscriptions: 20 })).toEqual({ connections: 40, subscriptions: 20 });
});
