import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { driverTemplate } from "@vextir/operator/driver/template/pod-template.ts";
import { aDriver, aRelease, specOf } from "@vextir/operator/testing/objects.ts";
import fc from "fast-check";
import { hostilePodTemplate } from "../../fixtures/hostile-pods.ts";
import { type ApiServer, startApiServer } from "../../fixtures/kube.ts";

let api: ApiServer;
/** Enforces "restricted", as a platform team's namespace does. */
let guarded: string;
/** Takes what "restricted" would not. */
let open: string;

const RUNS = 1_000;

beforeAll(async () => {
  api = await startApiServer({ serviceAccountAdmission: true });
  [guarded, open] = [await api.namespace(), await api.namespace()];
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  await api.request("MERGE", `/api/v1/namespaces/${guarded}`, { metadata: { labels } });
  for (const namespace of [guarded, open])
    for (const name of ["driver-assistant", "admin", "default", "driver-victim"])
      await api.request("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
  await api.request("POST", "/apis/node.k8s.io/v1/runtimeclasses", {
    metadata: { name: "sandboxed" },
    handler: "sandboxed",
  });
});
afterAll(() => api?.stop());

// biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever the API server answered
type Loose = any;

/** The pod as the API server would store it, after all of its admission. */
const admit = (namespace: string, pod: object) =>
  api.request("POST", `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);

function render(podTemplate: unknown) {
  const driver = aDriver({ spec: { podTemplate, ports: [{ name: "http", containerPort: 8088 }] } });
  const release = aRelease({ bus: { url: "tls://bus:4222", ca: "a certificate" } });
  const { template } = driverTemplate({ driver, spec: specOf(driver), release, data: {} });
  return { metadata: { ...template.metadata, generateName: "pod-" }, spec: template.spec };
}

/** What the operator fixes, as it stands in the pod that came out. */
function fixedParts({ metadata, spec }: Loose) {
  const { securityContext: pod = {} } = spec;
  const all = [...spec.containers, ...(spec.initContainers ?? [])];
  return {
    account: [spec.serviceAccountName, spec.automountServiceAccountToken],
    driver: metadata.labels["vextir.io/driver"],
    name: metadata.labels["app.kubernetes.io/name"],
    node: [spec.hostNetwork, spec.hostPID, spec.hostIPC, spec.hostUsers, spec.nodeName].map((part) => part ?? false),
    root: pod.runAsNonRoot,
    groups: [pod.fsGroup, ...(pod.supplementalGroups ?? [])].includes(0),
    confined: [...new Set(all.map(({ securityContext }: Loose) => JSON.stringify(confinement(securityContext))))],
    tokens: tokensOf(spec),
    bus: spec.containers[0].env.filter(({ name }: Loose) => name === "VEXTIR_BUS_URL"),
    secretVariables: all.flatMap(({ env = [], envFrom = [] }: Loose) => [
      ...env.filter(({ valueFrom }: Loose) => valueFrom?.secretKeyRef),
      ...envFrom.filter(({ secretRef }: Loose) => secretRef),
    ]),
    annotations: Object.keys(metadata.annotations ?? {}).filter(
      (key) => !["note", "prometheus.io/scrape"].includes(key),
    ),
    finalizers: metadata.finalizers ?? [],
    priority: spec.priority ?? 0,
  };
} // biome-ignore format: one part per line

const confinement = (context: Loose) => ({
  escalates: context.allowPrivilegeEscalation,
  readOnly: context.readOnlyRootFilesystem,
  root: context.runAsNonRoot,
  capabilities: context.capabilities,
  seccomp: context.seccompProfile?.type,
  rest: [context.privileged, context.procMount, context.appArmorProfile, context.seLinuxOptions].filter(
    Boolean,
  ),
});

/** Every ServiceAccount token of the pod, with where the driver's container sees it. */
function tokensOf(spec: Loose) {
  const mounts = spec.containers[0].volumeMounts as Loose[];
  return spec.volumes.flatMap((volume: Loose) =>
    (volume.projected?.sources ?? [])
      .filter((source: Loose) => source.serviceAccountToken)
      .map(({ serviceAccountToken: { audience, expirationSeconds } }: Loose) => ({
        audience,
        expirationSeconds,
        mountPath: mounts.find(({ name }) => name === volume.name)?.mountPath,
      })),
  );
}

describe("a podTemplate that wants more than its Driver has", () => {
  test("makes pods that Pod Security admits as restricted, with two tokens and what the operator fixed", async () => {
    const plain = await admit(guarded, render(undefined));
    expect(plain.status).toBe(201);
    const fixed = fixedParts(plain.body);
    expect(fixed.tokens).toEqual([
      { audience: "vextir-bus", expirationSeconds: 600, mountPath: "/var/run/secrets/vextir.io/bus" },
      { audience: "vextir-hub", expirationSeconds: 600, mountPath: "/var/run/secrets/vextir.io/hub" },
    ]);
    const outcomes = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(hostilePodTemplate, async (wish) => {
        const { status, body } = await admit(guarded, render(wish));
        outcomes.set(status, (outcomes.get(status) ?? 0) + 1);
        // 422: the API server takes no such pod at all, restricted or not.
        expect([201, 422]).toContain(status);
        if (status === 201) expect(fixedParts(body)).toEqual(fixed);
      }),
      { numRuns: RUNS },
    );
    process.stdout.write(`hostile podTemplates: ${JSON.stringify(Object.fromEntries(outcomes))}\n`);
    expect(outcomes.get(201) ?? 0).toBeGreaterThan(RUNS * 0.9);
  }, 180_000);

  test("would be refused, or get more, if it were taken as it is", async () => {
    let refused = 0;
    let taken = 0;
    for (const wish of fc.sample(hostilePodTemplate, { numRuns: 100, seed: 1 }) as Loose[]) {
      const spec = { containers: [{ name: "driver", image: "b" }], ...wish.spec };
      const pod = {
        metadata: { generateName: "pod-" },
        spec: { serviceAccountName: "driver-assistant", ...spec },
      };
      for (const container of spec.containers) container.image ??= "b";
      if (spec.containers.length === 0) continue;
      if ((await admit(open, pod)).status !== 201) continue;
      taken += 1;
      if ((await admit(guarded, pod)).status === 403) refused += 1;
    }
    expect(taken).toBeGreaterThan(10);
    expect(refused).toBeGreaterThan(taken * 0.9);
  });
});
