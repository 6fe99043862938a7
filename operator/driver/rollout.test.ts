import { expect, test } from "@jest/globals";
import type { Driver, KubeObject, OwnerReference } from "@vextir/api";
import { type Cluster, ownerOf } from "../cluster.ts";
import { LABELS } from "../labels.ts";
import { aDriver, aRelease, specOf } from "../testing/objects.ts";
import { CHILD_KINDS, desiredChildren } from "./children/children.ts";
import { Observed } from "./observed.ts";
import { superfluous, templatesInUse } from "./rollout.ts";
import { driverTemplate } from "./template/pod-template.ts";

const driver = aDriver({});
const owner = [ownerOf(driver)];

const object = (kind: string, name: string, more: Partial<KubeObject["metadata"]> = {}): KubeObject => ({
  apiVersion: "v1",
  kind,
  metadata: { name, namespace: "team", uid: `${kind}/${name}`, ownerReferences: owner, ...more },
});

const template = (hash: string, made: string, more: Partial<KubeObject["metadata"]> = {}) =>
  object("ConfigMap", `assistant-${hash}`, {
    labels: { [LABELS.part]: "template", [LABELS.template]: hash },
    creationTimestamp: made,
    ...more,
  });

/** What the caches hold. */
function observed(objects: readonly KubeObject[], pods: readonly KubeObject[] = []): Promise<Observed> {
  const list = async (kind: { kind: string }) =>
    kind.kind === "Pod" ? pods : objects.filter((found) => found.kind === kind.kind);
  return Observed.of({ list } as unknown as Cluster, driver);
}

function childrenOf(of: Driver) {
  const input = { driver: of, spec: specOf(of), release: aRelease(), data: {} };
  return desiredChildren({ ...input, template: driverTemplate(input), replicas: 1 });
}

const foreign: OwnerReference[] = [{ ...(owner[0] as OwnerReference), uid: "another" }];

test("templates are kept while a pod may run with them, and the newest few", async () => {
  const made = ["a", "b", "c", "d", "e", "f"].map((hash, day) =>
    template(hash, `2026-01-0${day + 1}T00:00:00Z`),
  );
  const old = object("Pod", "p", { labels: { [LABELS.template]: "a" } });
  const deployed = object("Deployment", "assistant", { labels: { [LABELS.template]: "b" } });
  const kept = templatesInUse(driver, "new", await observed([...made, deployed], [old]));
  expect([...kept].sort()).toEqual(["a", "b", "d", "e", "f", "new"]);
});

test("what is no longer wanted goes, but nothing of others and nothing that is needed", async () => {
  const objects = [
    object("Service", "assistant"),
    object("PodDisruptionBudget", "assistant", { deletionTimestamp: "2026-01-01T00:00:00Z" }),
    object("NetworkPolicy", "assistant", { ownerReferences: foreign }),
    object("ServiceAccount", "driver-assistant"),
    object("ConfigMap", "assistant-manifests"),
    template("old", "2026-01-01T00:00:00Z"),
    template("kept", "2026-01-02T00:00:00Z"),
  ];
  const found = superfluous(driver, childrenOf(driver), new Set(["kept"]), await observed(objects));
  expect(found.map(({ metadata }) => metadata.uid).sort()).toEqual([
    "ConfigMap/assistant-old",
    "Service/assistant",
  ]);
});

test("every kind that children are of is watched and pruned", () => {
  const input = { driver, spec: specOf(driver), data: {} };
  const release = aRelease({ network: { egress: [] } });
  const spec = specOf(aDriver({ spec: { ports: [{ name: "http", containerPort: 80 }] } }));
  const children = desiredChildren({
    ...{ ...input, release, spec, replicas: 2 },
    template: driverTemplate({ ...input, release }),
  });
  const kinds = new Set(children.map(({ kind }) => kind));
  expect([...kinds].every((kind) => CHILD_KINDS.includes(kind))).toBe(true);
  expect(kinds.size).toBe(CHILD_KINDS.length);
});
