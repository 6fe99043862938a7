import { describe, expect, test } from "@jest/globals";
import { DRIVER_CONDITIONS, type DriverConditionType } from "@vextir/api";
import { aDriver, aManifest, aRelease, specOf } from "../../testing/objects.ts";
import type { Deployment } from "../../workloads.ts";
import { review } from "../review.ts";
import { driverStatus, type StatusInput } from "./driver-status.ts";

const NOW = Date.UTC(2026, 0, 1);
const ready: Deployment = {
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "assistant", generation: 1 },
  spec: { replicas: 1, selector: {}, template: { spec: { containers: [] } } },
  status: { observedGeneration: 1, replicas: 1, readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1 },
};

function input(spec: object = {}, change: Partial<StatusInput> = {}): StatusInput {
  const driver = aDriver({ spec });
  const manifest = aManifest();
  const source = {};
  const reviewed = review({
    ...{ driver, spec: specOf(driver), release: aRelease(), source, maxEventBytes: 1, known: undefined },
  });
  return {
    ...{
      driver,
      review: reviewed,
      bus: { state: "ready" },
      deployment: ready,
      pods: [],
      forbidden: undefined,
    },
    ...{
      manifest: { manifest, hash: "h" },
      unsubscribed: [],
      absentPeers: [],
      network: { guard: "Enforced" },
      now: NOW,
    },
    ...change,
  };
}

const of = (status: ReturnType<typeof driverStatus>, type: DriverConditionType) =>
  status.conditions?.find((condition) => condition.type === type);

describe("the status of a Driver", () => {
  test("has every condition, of this generation", () => {
    const status = driverStatus(input({}, { scaled: { replicas: 1, trouble: undefined } }));
    expect(status.conditions?.map(({ type }) => type).sort()).toEqual([...DRIVER_CONDITIONS].sort());
    expect(status.conditions?.every((c) => c.status === "True" && c.observedGeneration === 1)).toBe(true);
    expect(status).toMatchObject({
      observedGeneration: 1,
      replicas: 1,
      selector: "vextir.io/driver=assistant",
      manifest: { name: "assistant", version: "1.0.0", hash: "h" },
    });
  });

  const table: { reason: string; input: StatusInput; want: Partial<Record<DriverConditionType, string>> }[] = [
    {
      reason: "a refused spec is not ready, whatever runs",
      input: input({}, { review: { accepted: false, reason: "Invalid", message: "m" } }),
      want: { Accepted: "False/Invalid", BusAccessReady: "Unknown/NotAccepted", RuntimeHealthy: "True/Healthy", Active: "True/Running", Ready: "False/Invalid" },
    },
    {
      reason: "no manifest yet",
      input: input({}, { manifest: undefined }),
      want: { CapabilitiesGranted: "Unknown/AwaitingManifest", Ready: "Unknown/AwaitingManifest" },
    },
    {
      reason: "the bus is away",
      input: input({}, { bus: { state: "unavailable", message: "m" } }),
      want: { Accepted: "True/Accepted", BusAccessReady: "False/BusUnavailable", SubscriptionsReady: "False/BusUnavailable", Ready: "False/BusUnavailable" },
    },
    {
      reason: "the bus is not made yet",
      input: input({}, { bus: { state: "waiting", message: "m" } }),
      want: { BusAccessReady: "Unknown/EventBusNotReady" },
    },
    { reason: "a quota", input: input({}, { forbidden: "exceeded quota" }), want: { RuntimeHealthy: "False/Forbidden" } },
    {
      reason: "scaled to zero by hand is ready and not active",
      input: input({ replicas: 0 }, { deployment: { ...ready, spec: { ...ready.spec, replicas: 0 }, status: { observedGeneration: 1 } } }),
      want: { Active: "False/ScaledDown", Ready: "True/Ready" },
    },
    {
      reason: "scaled to zero by itself",
      input: input({ scaling: {} }, { deployment: { ...ready, spec: { ...ready.spec, replicas: 0 }, status: { observedGeneration: 1 } } }),
      want: { Active: "False/AwaitingEvents", Ready: "True/Ready" },
    },
    { reason: "a network that nobody vouches for", input: input({}, { network: {} }), want: { EgressEnforced: "Unknown/NotVerified", Ready: "True/Ready" } },
    { reason: "no NetworkPolicies", input: input({}, { network: { guard: "PoliciesOff" } }), want: { EgressEnforced: "False/NetworkPoliciesOff", Ready: "True/Ready" } },
    { reason: "one machine", input: input({}, { network: { guard: "LocalMode" } }), want: { EgressEnforced: "False/LocalMode", Ready: "True/Ready" } },
    { reason: "no subscriptions", input: input(), want: { SubscriptionsReady: "True/None" } },
    { reason: "nothing made yet", input: input({}, { deployment: undefined }), want: { RuntimeHealthy: "Unknown/NotCreated", Active: "False/NotRunning" } },
  ]; // biome-ignore format: one condition list per line
  test.each(table)("$reason", ({ input, want }) => {
    const status = driverStatus(input);
    for (const [type, expected] of Object.entries(want)) {
      const found = of(status, type as DriverConditionType);
      expect(`${type}: ${found?.status}/${found?.reason}`).toBe(`${type}: ${expected}`);
    }
  });

  const said: { reason: string; input: StatusInput; type: DriverConditionType; words: string }[] = [
    { reason: "what podTemplate may not say", input: input({ podTemplate: { spec: { hostPID: true } } }), type: "Accepted", words: "spec.hostPID" },
    { reason: "peers that are not there", input: input({}, { absentPeers: ["toolbox"] }), type: "CapabilitiesGranted", words: "not there yet: toolbox" },
    { reason: "types without a subscription", input: input({}, { unsubscribed: ["a.b"] }), type: "SubscriptionsReady", words: "a.b" },
    { reason: "what its pods reach", input: input({ capabilities: { allowedHosts: ["a.example"] } }, { network: { guard: "Enforced", egress: { url: "https://e:8443", ca: "c" } } }), type: "EgressEnforced", words: "its allowedHosts alone" },
    { reason: "that hosts need a proxy", input: input({ capabilities: { allowedHosts: ["a.example"] } }), type: "EgressEnforced", words: "no egress proxy" },
    { reason: "that the lag is not known", input: input({ scaling: {} }, { scaled: { replicas: 1, trouble: "the bus is away" } }), type: "ScalingActive", words: "the bus is away; no pods are taken away" },
  ]; // biome-ignore format: one case per line
  test.each(said)("tells $reason", ({ input, type, words }) => {
    expect(of(driverStatus(input), type)?.message).toContain(words);
  });

  test("times stay as long as a condition's status does", () => {
    const first = driverStatus(input());
    const later = { now: NOW + 60_000, bus: { state: "refused" as const, message: "m" } };
    const second = driverStatus(input({}, { ...later, driver: { ...aDriver({}), status: first } }));
    expect(of(second, "Accepted")?.lastTransitionTime).toBe("2026-01-01T00:00:00Z");
    expect(of(second, "BusAccessReady")?.lastTransitionTime).toBe("2026-01-01T00:01:00Z");
    const same = driverStatus(input({}, { now: NOW + 60_000, driver: { ...aDriver({}), status: first } }));
    expect(same).toEqual(first);
  });

  test("what was granted before a spec was refused is still said", () => {
    const before = driverStatus(input());
    const refused = { accepted: false, reason: "Invalid", message: "m" } as const;
    const status = driverStatus(input({}, { review: refused, driver: { ...aDriver({}), status: before } }));
    expect(of(status, "BusAccessReady")).toMatchObject({ status: "True", reason: "Ready" });
  });
});
