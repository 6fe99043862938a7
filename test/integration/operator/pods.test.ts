import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { driverTemplate } from "@vextir/operator/driver/template/pod-template.ts";
import { aDriver, aRelease, specOf } from "@vextir/operator/testing/objects.ts";
import { type ApiServer, startApiServer } from "../../fixtures/kube.ts";

let api: ApiServer;
let namespace: string;

beforeAll(async () => {
  api = await startApiServer();
  namespace = await api.namespace();
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  await api.request("MERGE", `/api/v1/namespaces/${namespace}`, { metadata: { labels } });
});
afterAll(() => api?.stop());

const create = async (spec: object, ca?: string) => {
  const driver = aDriver({ spec });
  const release = aRelease({ bus: { url: "tls://bus:4222", ...(ca && { ca }) } });
  const { template } = driverTemplate({ driver, spec: specOf(driver), release, data: {} });
  const pod = { metadata: { ...template.metadata, generateName: "pod-" }, spec: template.spec };
  return api.request("POST", `/api/v1/namespaces/${namespace}/pods?dryRun=All&fieldValidation=Strict`, pod);
};

test("the namespace refuses what is not restricted", async () => {
  const spec = { containers: [{ name: "a", image: "b" }] };
  const pods = `/api/v1/namespaces/${namespace}/pods?dryRun=All`;
  const { status } = await api.request("POST", pods, { metadata: { name: "a" }, spec });
  expect(status).toBe(403);
});

const table: { reason: string; spec: object }[] = [
  { reason: "a plain Driver", spec: {} },
  {
    reason: "a Driver with everything",
    spec: {
      args: ["x"],
      env: [{ name: "A", value: "1" }],
      envFrom: [{ configMapRef: { name: "x", optional: true } }],
      ports: [{ name: "http", containerPort: 8080 }],
      configSecretRefs: [{ name: "k", secretKeyRef: { name: "s", key: "k" } }],
      resources: { limits: { cpu: "1" } },
      nodeSelector: { a: "b" },
      tolerations: [{ operator: "Exists" }],
      affinity: { nodeAffinity: {} },
    },
  },
  {
    reason: "a podTemplate that wants the node",
    spec: {
      podTemplate: {
        metadata: { annotations: { "container.apparmor.security.beta.kubernetes.io/driver": "unconfined" } },
        spec: {
          hostNetwork: true,
          hostPID: true,
          serviceAccountName: "admin",
          securityContext: { runAsUser: 0, sysctls: [{ name: "kernel.shm_rmid_forced", value: "1" }] },
          volumes: [{ name: "root", hostPath: { path: "/" } }],
          containers: [
            {
              name: "driver",
              securityContext: { privileged: true },
              volumeMounts: [{ name: "root", mountPath: "/x" }],
            },
            {
              name: "side",
              image: "b",
              ports: [{ containerPort: 1, hostPort: 1 }],
              securityContext: { capabilities: { add: ["SYS_ADMIN"] } },
              livenessProbe: { httpGet: { host: "169.254.169.254", path: "/", port: 80 } },
            },
          ],
          initContainers: [{ name: "init", image: "b", securityContext: { procMount: "Unmasked" } }],
        },
      },
    },
  },
];
test.each(table)("$reason makes pods that a restricted namespace takes", async ({ spec }) => {
  const { status, body } = await create(spec, "a certificate");
  expect(`${status} ${body.message ?? ""}`).toBe("201 ");
});
