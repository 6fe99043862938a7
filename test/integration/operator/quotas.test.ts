import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { collection, World } from "./world.ts";

let world: World;
let namespace: string;

beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world?.stop());
beforeEach(async () => {
  namespace = await world.api.namespace();
});

const assistant = (rest: object = {}) => ({
  ...{ class: "Agent", module: "assistant", capabilities: { publish: ["chat.message.sent"] } },
  resources: { requests: { memory: "128Mi" }, limits: { memory: "128Mi" } },
  ...rest,
});

/** With what is used of it, which a controller of the cluster counts. */
async function quota(hard: Record<string, string>, used: Record<string, string> = {}): Promise<void> {
  const path = `${collection("v1", "resourcequotas", namespace)}/team`;
  const object = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "team" } };
  await world.api.request("APPLY", path, { ...object, spec: { hard } });
  const { status } = await world.api.request("MERGE", `${path}/status`, { status: { hard, used } });
  expect(status).toBe(200);
}

const shortage = () => world.waitFor(namespace, "agent", "RuntimeHealthy", "False", "QuotaExceeded");

test("pods that a quota has no room for are a condition before there is one; more room ends it", async () => {
  await quota({ "requests.memory": "256Mi" });
  await world.apply(namespace, "agent", assistant({ replicas: 3 }));
  const { message } = await shortage();
  expect(message).toBe(
    "ResourceQuota team: requests.memory: 128Mi for each pod, 256Mi of 256Mi left: 2 of 3 more pods can start",
  );
  const ready = (await world.driver(namespace, "agent")).status.conditions.find(
    ({ type }: { type: string }) => type === "Ready",
  );
  expect(ready).toMatchObject({ status: "False", reason: "QuotaExceeded" });
  expect(await world.list("v1", "pods", namespace)).toEqual([]);
  await quota({ "requests.memory": "512Mi" });
  await world.waitFor(namespace, "agent", "RuntimeHealthy", "False", "Progressing");
  await world.makePodsReady(namespace, "agent");
  await world.waitFor(namespace, "agent", "Ready", "True");
});

test("one more than there is room for, by what others use", async () => {
  await quota({ pods: "5" }, { pods: "4" });
  await world.apply(namespace, "agent", assistant());
  await world.waitFor(namespace, "agent", "RuntimeHealthy", "False", "Progressing");
  await world.makePodsReady(namespace, "agent");
  await world.waitFor(namespace, "agent", "Ready", "True");
  await quota({ pods: "5" }, { pods: "5" });
  await world.apply(namespace, "agent", assistant({ args: ["other"] }));
  expect((await shortage()).message).toContain("no more pod can start");
  await quota({ pods: "6" }, { pods: "5" });
  await world.waitFor(namespace, "agent", "RuntimeHealthy", "False", "Progressing");
});

test("a LimitRange: what it fills in counts, and what it forbids is named", async () => {
  const limits = [{ type: "Container", default: { cpu: "2" }, max: { memory: "64Mi" } }];
  await world.api.request("POST", collection("v1", "limitranges", namespace), {
    metadata: { name: "bounds" },
    spec: { limits },
  });
  await quota({ "limits.cpu": "1" });
  await world.apply(namespace, "agent", assistant());
  await eventually(async () => {
    const { reason, message } = (await world.condition(namespace, "agent", "RuntimeHealthy")) ?? {};
    return reason === "LimitRangeViolated" && message?.includes("64Mi of memory at most");
  }, "named");
  await world.apply(namespace, "agent", assistant({ resources: { limits: { memory: "64Mi" } } }));
  expect((await shortage()).message).toContain("limits.cpu: 2 for each pod");
});
