import { describe, expect, test } from "@jest/globals";
import type { LimitRange, ResourceQuota } from "../../kinds.ts";
import type { Container, PodSpec } from "../../workloads.ts";
import { shortageOf } from "./fit.ts";

const container = (resources: Container["resources"], rest: object = {}): Container => ({
  ...{ name: "driver", ...(resources && { resources }) },
  ...rest,
});
const pod = (resources?: Container["resources"], rest: Partial<PodSpec> = {}): PodSpec => ({
  containers: [container(resources)],
  ...rest,
});
const quota = (hard: Record<string, string>, used: Record<string, string> = {}, spec: object = {}) =>
  ({
    ...{ apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "team" } },
    ...{ spec: { hard, ...spec }, status: { hard, used } },
  }) as ResourceQuota;
const range = (item: object, type = "Container") =>
  ({
    ...{ apiVersion: "v1", kind: "LimitRange", metadata: { name: "bounds" } },
    spec: { limits: [{ type, ...item }] },
  }) as LimitRange;

interface Case {
  reason: string;
  pod: PodSpec;
  more?: number;
  quotas?: ResourceQuota[];
  ranges?: LimitRange[];
  /** Absent: it fits. */
  says?: string;
}

const small = { requests: { cpu: "100m", memory: "128Mi" }, limits: { memory: "256Mi" } };
const table: Case[] = [
  { reason: "no quota", pod: pod() },
  { reason: "just enough", pod: pod(small), more: 3, quotas: [quota({ "requests.cpu": "0.3" })] },
  {
    reason: "room for some",
    pod: pod(small),
    more: 3,
    quotas: [quota({ "requests.memory": "1Gi" }, { "requests.memory": "768Mi" })],
    says: "ResourceQuota team: requests.memory: 128Mi for each pod, 256Mi of 1Gi left: 2 of 3 more pods can start",
  },
  {
    reason: "a pod larger than the whole quota",
    pod: pod(small),
    quotas: [quota({ memory: "64Mi" })],
    says: "memory: 128Mi for each pod, 64Mi of 64Mi left: no more pod can start",
  },
  {
    reason: "cores, without a unit",
    pod: pod(small),
    quotas: [quota({ cpu: "2" }, { cpu: "1950m" })],
    says: "cpu: 100m for each pod, 50m of 2 left: no more pod can start",
  },
  {
    reason: "a request that isn't named is the limit",
    pod: pod({ limits: { cpu: "1" } }),
    quotas: [quota({ cpu: "500m" })],
    says: "cpu: 1 for each pod",
  },
  {
    reason: "the number of pods",
    pod: pod(),
    more: 2,
    quotas: [quota({ pods: "10" }, { pods: "9" })],
    says: "pods: 1 for each pod, 1 of 10 left: 1 of 2 more pods",
  },
  {
    reason: "more used than there is",
    pod: pod(),
    quotas: [quota({ "count/pods": "1" }, { "count/pods": "3" })],
    says: "0 of 1 left",
  },
  {
    reason: "a quota whose resource must be named",
    pod: pod(),
    quotas: [quota({ "limits.memory": "1Gi" })],
    says: "every container must name its own; container driver has none",
  },
  {
    reason: "named by the namespace's default",
    pod: pod(),
    quotas: [quota({ "limits.memory": "1Gi" })],
    ranges: [range({ default: { memory: "512Mi" } })],
  },
  {
    reason: "the namespace's default is too much",
    pod: pod(),
    quotas: [quota({ "requests.cpu": "1" })],
    ranges: [range({ defaultRequest: { cpu: "2" } })],
    says: "requests.cpu: 2 for each pod",
  },
  {
    reason: "an extended resource",
    pod: pod({ limits: { "example.org/gpu": "2" } }),
    quotas: [quota({ "requests.example.org/gpu": "1" })],
    says: "requests.example.org/gpu",
  },
  {
    reason: "a resource that it doesn't use",
    pod: pod(small),
    quotas: [quota({ "requests.example.org/gpu": "0", services: "0" })],
  },
  {
    reason: "containers together",
    pod: pod(small, { containers: [container(small), container(small, { name: "side" })] }),
    quotas: [quota({ "requests.memory": "200Mi" })],
    says: "256Mi for each pod",
  },
  {
    reason: "a passing container counts where it is the largest",
    pod: pod(small, { initContainers: [container({ requests: { memory: "1Gi" } }, { name: "init" })] }),
    quotas: [quota({ "requests.memory": "512Mi" })],
    says: "1Gi for each pod",
  },
  {
    reason: "a staying one counts beside the driver",
    pod: pod(small, { initContainers: [container(small, { name: "side", restartPolicy: "Always" })] }),
    quotas: [quota({ "requests.memory": "200Mi" })],
    says: "256Mi for each pod",
  },
  {
    reason: "a quota of best effort, for one that isn't",
    pod: pod(small),
    quotas: [quota({ pods: "0" }, {}, { scopes: ["BestEffort"] })],
  },
  {
    reason: "a quota of best effort",
    pod: pod(),
    quotas: [quota({ pods: "0" }, {}, { scopes: ["BestEffort", "NotTerminating"] })],
    says: "pods",
  },
  {
    reason: "a quota of pods that end",
    pod: pod(),
    quotas: [quota({ pods: "0" }, {}, { scopes: ["Terminating"] })],
  },
  ...[
    { operator: "In", values: ["high"], named: "high", isMeant: true },
    { operator: "In", values: ["high"], named: undefined, isMeant: false },
    { operator: "NotIn", values: ["high"], named: "low", isMeant: true },
    { operator: "Exists", values: [], named: "low", isMeant: true },
    { operator: "DoesNotExist", values: [], named: undefined, isMeant: true },
  ].map(({ operator, values, named, isMeant }) => ({
    reason: `a quota of priority classes ${operator} ${values}, for ${named}`,
    pod: pod(small, named === undefined ? {} : { priorityClassName: named }),
    quotas: [
      quota(
        { pods: "0" },
        {},
        { scopeSelector: { matchExpressions: [{ scopeName: "PriorityClass", operator, values }] } },
      ),
    ],
    ...(isMeant && { says: "pods" }),
  })),
  {
    reason: "beyond a LimitRange",
    pod: pod({ limits: { memory: "2Gi" } }),
    ranges: [range({ max: { memory: "1Gi" } })],
    says: "LimitRange bounds: container driver may have 1Gi of memory at most",
  },
  {
    reason: "too little for a LimitRange",
    pod: pod(small),
    ranges: [range({ min: { memory: "200Mi" } })],
    says: "must ask for 200Mi of memory at least",
  },
  {
    reason: "a whole pod beyond a LimitRange",
    pod: pod({ limits: { cpu: "2" } }),
    ranges: [range({ max: { cpu: "1" } }, "Pod")],
    says: "the pod may have 1 of cpu",
  },
  {
    reason: "a LimitRange of volumes",
    pod: pod(small),
    ranges: [range({ max: { storage: "1Gi" } }, "PersistentVolumeClaim")],
  },
  { reason: "nothing is to be made", pod: pod(small), more: 0, quotas: [quota({ pods: "0" })] },
];

describe("whether pods have room", () => {
  test.each(table)("$reason", ({ pod, more = 1, quotas = [], ranges = [], says }) => {
    const found = shortageOf({ pod, more, quotas, ranges });
    if (says === undefined) expect(found).toBeUndefined();
    else expect(found?.message).toContain(says);
  });
});
