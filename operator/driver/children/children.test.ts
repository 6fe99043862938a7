import { describe, expect, test } from "@jest/globals";
import { MANAGED } from "../../labels.ts";
import type { Release } from "../../release.ts";
import { aDriver, aRelease, specOf } from "../../testing/objects.ts";
import { driverTemplate } from "../template/pod-template.ts";
import { desiredChildren } from "./children.ts";

const egress = [
  { name: "bus", to: [{ podSelector: {} }], ports: [{ port: 4222, protocol: "TCP" as const }] },
];

function childrenOf(spec: object = {}, { replicas = 1, release = aRelease() as Release } = {}) {
  const driver = aDriver({ spec });
  const input = { driver, spec: specOf(driver), release, data: { "driver.json": "{}" } };
  return desiredChildren({ ...input, template: driverTemplate(input), replicas });
}

const named = (children: ReturnType<typeof childrenOf>) =>
  children.map(({ object }) => `${object.kind} ${object.metadata.name}`.replace(/-[0-9a-f]{8}$/, "-HASH"));
const ofKind = (children: ReturnType<typeof childrenOf>, kind: string) =>
  children.find(({ object }) => object.kind === kind)?.object as unknown as Record<string, unknown>;

describe("a Driver's objects", () => {
  const http = { name: "http", containerPort: 8080 };
  const least = ["ServiceAccount driver-assistant", "ConfigMap assistant-HASH", "Deployment assistant"];
  const table: { reason: string; children: ReturnType<typeof childrenOf>; more: string[] }[] = [
    { reason: "the least", children: childrenOf(), more: [] },
    { reason: "with ports", children: childrenOf({ ports: [http] }), more: ["Service assistant"] },
    {
      reason: "with two replicas",
      children: childrenOf({}, { replicas: 2 }),
      more: ["PodDisruptionBudget assistant"],
    },
    {
      reason: "on a network",
      children: childrenOf({}, { release: aRelease({ network: { egress } }) }),
      more: ["NetworkPolicy assistant"],
    },
  ];
  test.each(table)("$reason", ({ children, more }) => {
    expect(named(children).sort()).toEqual([...least, ...more].sort());
    expect(named(children).at(-1)).toBe("Deployment assistant");
  });

  test("are the Driver's, and told apart from others", () => {
    for (const { object } of childrenOf({ ports: [http] }, { replicas: 2 })) {
      expect(object.metadata.ownerReferences).toEqual([
        expect.objectContaining({
          kind: "Driver",
          name: "assistant",
          uid: "uid-assistant",
          controller: true,
        }),
      ]);
      expect(object.metadata.labels).toMatchObject({ ...MANAGED, "vextir.io/driver": "assistant" });
      expect(object.metadata.namespace).toBe("team");
    }
  });

  test("a policy lets in what it serves and out where it may go", () => {
    const release = aRelease({ network: { egress } });
    const policy = ofKind(
      childrenOf({ ports: [{ ...http, protocol: "UDP" }] }, { release }),
      "NetworkPolicy",
    );
    expect(policy["spec"]).toMatchObject({
      podSelector: { matchLabels: { "vextir.io/driver": "assistant" } },
      policyTypes: ["Ingress", "Egress"],
      ingress: [{ ports: [{ port: 9464 }, { port: 8080, protocol: "UDP" }] }],
      egress: [{ to: [{ podSelector: {} }], ports: [{ port: 4222, protocol: "TCP" }] }],
    });
  });

  test("the egress proxy is for those who have somewhere to go", () => {
    const proxy = {
      name: "egress-proxy",
      to: [{ podSelector: {} }],
      ports: [{ port: 8443, protocol: "TCP" as const }],
    };
    const release = aRelease({ network: { egress, proxy } });
    const ports = (spec: object) => {
      const policy = ofKind(childrenOf(spec, { release }), "NetworkPolicy")["spec"] as {
        egress: typeof egress;
      };
      return policy.egress.flatMap(({ ports }) => ports.map(({ port }) => port));
    };
    expect(ports({})).toEqual([4222]);
    expect(ports({ capabilities: { allowedHosts: ["a.example"] } })).toEqual([4222, 8443]);
  });

  test("the old pods stay until a new one is ready", () => {
    expect(ofKind(childrenOf({}, { replicas: 3 }), "Deployment")["spec"]).toMatchObject({
      replicas: 3,
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      selector: { matchLabels: { "vextir.io/driver": "assistant" } },
    });
  });

  test("annotations for cloud identities are the account's", () => {
    const annotations = { "example.org/role": "reader" };
    const account = ofKind(childrenOf({ serviceAccount: { annotations } }), "ServiceAccount");
    expect(account).toMatchObject({ automountServiceAccountToken: false, metadata: { annotations } });
  });
});
