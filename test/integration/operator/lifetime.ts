import { API_VERSION, Manifest } from "@vextir/api";
import { eventually } from "../../fixtures/eventually.ts";
import { askApi } from "./asking.ts";
import { openRotations } from "./rotating.ts";
import { collection, SYSTEM, type World } from "./world.ts";

const gateway = {
  class: "IO",
  module: "gateway",
  revisionHistoryLimit: 2,
  ports: [{ name: "http", containerPort: 8080 }],
  subscriptions: [{ types: ["a.b"] }],
  capabilities: { publish: ["a.b"], state: true },
};

const assistant = {
  class: "Agent",
  module: "assistant",
  capabilities: { publish: ["chat.message.sent"] },
};

/**
 * Everything that an operator asks of the API server in its life: from the installation to the deletion of the last
 * Driver, with restarts between. nats-server and operator run when it is over.
 */
export async function live(world: World): Promise<void> {
  await world.startOperator();
  await world.startNats();
  const namespace = await world.api.namespace();
  await policy(world);
  await drivers(world, namespace);
  await ownCode(world, namespace);
  await toolServer(world, namespace);
  await fewerPods(world, namespace);
  await repeatedEvent(world, namespace);
  await people(world, namespace);
  await rotation(world, namespace);
  await restart(world, namespace);
  await authority(world);
  await removal(world, namespace);
}

async function policy(world: World): Promise<void> {
  const path = `/apis/${API_VERSION}/tenantpolicies/any`;
  const object = { apiVersion: API_VERSION, kind: "TenantPolicy", metadata: { name: "any" }, spec: {} };
  await world.api.request("APPLY", path, object);
  await eventually(async () => {
    const { status } = (await world.api.request("GET", path)).body;
    return status?.conditions?.some(({ type }: { type: string }) => type === "Enforced");
  }, "it is enforced");
}

/** A built-in's objects come and go with its spec. */
async function drivers(world: World, namespace: string): Promise<void> {
  await world.apply(namespace, "gateway", { ...gateway, replicas: 2 });
  await ready(world, namespace, "gateway");
  await (await world.connectAs(namespace, "gateway")).close();
  await world.apply(namespace, "gateway", { ...gateway, ports: [] });
  await gone(world, "v1", "services", namespace, "gateway");
  await gone(world, "policy/v1", "poddisruptionbudgets", namespace, "gateway");
  const templates = new Set<string>();
  for (let edit = 0; edit < 6; edit++) {
    await world.apply(namespace, "gateway", { ...gateway, args: [String(edit)] });
    await world.waitFor(namespace, "gateway", "Accepted", "True");
    await ready(world, namespace, "gateway");
    const { metadata } = await world.deployment(namespace, "gateway");
    templates.add(metadata.labels["vextir.io/template-hash"]);
  }
  await eventually(async () => {
    const there = (await world.list("v1", "configmaps", namespace)).map(({ metadata }) => metadata.name);
    return [...templates].some((hash) => !there.includes(`gateway-${hash}`));
  }, "old templates are deleted");
}

/** Code from a ConfigMap, whose pod tells its manifest. */
async function ownCode(world: World, namespace: string): Promise<void> {
  await world.api.request("POST", collection("v1", "configmaps", namespace), {
    metadata: { name: "code" },
    data: { "driver.ts": "export default 1" },
  });
  await world.apply(namespace, "scribe", {
    class: "Tool",
    source: { configMapRef: { name: "code", key: "driver.ts" } },
  });
  const { metadata } = await eventually(() => world.deployment(namespace, "scribe"), "a Deployment");
  const pod = await world.connectAs(namespace, "scribe");
  const manifest = Manifest.parse({ name: "scribe", version: "1.0.0", class: "Tool" });
  const templateHash = metadata.labels["vextir.io/template-hash"];
  const body = JSON.stringify({ pod: "scribe-0", templateHash, manifest });
  await eventually(() => pod.request("vextir.report", body, { timeout: 10_000 }), "a verdict");
  await world.waitFor(namespace, "scribe", "CapabilitiesGranted", "True");
  await pod.close();
}

/** A Driver is made for a ToolServer. */
async function toolServer(world: World, namespace: string): Promise<void> {
  const path = await applyToolServer(world, namespace);
  await eventually(() => world.driver(namespace, "docs"), "its Driver");
  await eventually(async () => (await world.api.request("GET", path)).body.status, "its status");
  await world.api.request("DELETE", path);
  await world.delete(namespace, "docs");
  await gone(world, API_VERSION, "drivers", namespace, "docs");
}

/** @returns its path. */
async function applyToolServer(world: World, namespace: string): Promise<string> {
  const path = `${collection(API_VERSION, "toolservers", namespace)}/docs`;
  const spec = { url: "https://mcp.example.org/mcp" };
  const object = { apiVersion: API_VERSION, kind: "ToolServer", metadata: { name: "docs" }, spec };
  await world.api.request("APPLY", path, object);
  return path;
}

/** One pod too many, and the one that works is not to be the one that goes. */
async function fewerPods(world: World, namespace: string): Promise<void> {
  const behavior = { scaleDown: { stabilizationWindowSeconds: 0 } };
  const scaled = (minReplicaCount: number) =>
    world.apply(namespace, "gateway", { ...gateway, scaling: { minReplicaCount, behavior } });
  await scaled(2);
  await eventually(async () => {
    return (await world.deployment(namespace, "gateway")).spec.replicas === 2;
  }, "two pods are wanted");
  const pods = [await podInHand(world, namespace, 0), await podInHand(world, namespace, 1)];
  await scaled(1);
  const costs = async () => {
    const found = await Promise.all(pods.map(({ name }) => world.get("v1", "pods", namespace, name)));
    return found.map(({ metadata }) => metadata.annotations?.["controller.kubernetes.io/pod-deletion-cost"]);
  };
  await eventually(async () => (await costs())[1] === "1", "the one that works costs more");
  await eventually(async () => {
    return (await world.deployment(namespace, "gateway")).spec.replicas === 1;
  }, "one pod is wanted");
  await Promise.all(pods.map(({ connection }) => connection.close()));
  await world.apply(namespace, "gateway", gateway);
}

/** A pod of the driver that has so many events in hand. */
async function podInHand(world: World, namespace: string, events: number) {
  const { token, pod } = await world.pod(namespace, "gateway");
  const connection = await world.connectWith(token, world.caFile);
  connection.subscribe("vextir.in-hand", {
    callback: (_error, message) => {
      message.respond(JSON.stringify({ pod, events, calls: 0, longestMs: 1 }));
    },
  });
  await connection.flush();
  return { name: pod, connection };
}

/** The same thing happens twice, which is one Kubernetes event with a count. */
async function repeatedEvent(world: World, namespace: string): Promise<void> {
  for (let time = 0; time < 2; time++) {
    await world.apply(namespace, "assistant", { ...assistant, config: { tone: "loud" } });
    await world.waitFor(namespace, "assistant", "Accepted", "False");
    await world.apply(namespace, "assistant", { ...assistant, config: { tone: "kind" } });
    await world.waitFor(namespace, "assistant", "Accepted", "True");
  }
  await eventually(async () => {
    const events = await world.list("events.k8s.io/v1", "events", namespace);
    return events.some(({ series }) => series?.count >= 2);
  }, "the event is counted");
}

/** A driver's key is rotated, as somebody asks a replica to. */
async function rotation(world: World, namespace: string): Promise<void> {
  const { rotations, close } = await openRotations(world);
  await rotations.begin({ kind: "driver", namespace, name: "gateway" });
  await eventually(async () => (await rotations.status()).last?.outcome === "Done", "it is done");
  await close();
}

/** With another configuration, after a Driver's finalizer was taken away while nobody looked. */
async function restart(world: World, namespace: string): Promise<void> {
  const before = await world.get("v1", "secrets", SYSTEM, "vextir-nats");
  await world.stopOperator();
  await vanish(world, namespace, "drivers", "assistant");
  const hub = `${collection("v1", "secrets", SYSTEM)}/vextir-hub-bus`;
  await world.api.request("MERGE", hub, { data: { "hub.creds": "AAAA" } });
  const { drivers: release, nats } = world.configuration();
  await world.startOperator({
    drivers: { ...release, networkPolicies: false },
    nats: { ...nats, storageBytes: nats.storageBytes * 2 },
  });
  await gone(world, "networking.k8s.io/v1", "networkpolicies", namespace, "gateway");
  await eventually(async () => {
    const { data } = await world.get("v1", "secrets", SYSTEM, "vextir-nats");
    return data["nats.conf"] !== before.data["nats.conf"];
  }, "nats-server's configuration is renewed");
  await eventually(async () => {
    const { data } = await world.get("v1", "secrets", SYSTEM, "vextir-hub-bus");
    return data["hub.creds"] !== "AAAA";
  }, "the context hub's credentials are what they were");
  await eventually(async () => {
    return !(await world.accounts(namespace)).includes("assistant");
  }, "the account without a Driver is collected");
}

/** Somebody asks the operator what a driver may do. */
async function people(world: World, namespace: string): Promise<void> {
  const token = await platformToken(world);
  await eventually(async () => {
    return (await askOperator({ world }, "GET", capabilitiesOf(namespace), { token })).status === 200;
  }, "an answer");
}

const capabilitiesOf = (namespace: string) => `/v1/namespaces/${namespace}/drivers/gateway/capabilities`;

/** Of somebody who may do everything. */
async function platformToken(world: World): Promise<string> {
  const account = { namespace: SYSTEM, name: "platform" };
  const token = await world.api.token(account);
  await world.api.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "platform" },
    roleRef: { kind: "ClusterRole", name: "cluster-admin", apiGroup: "rbac.authorization.k8s.io" },
    subjects: [{ kind: "ServiceAccount", ...account }],
  });
  return token;
}

async function askOperator(
  { world, operator = world.operator }: { world: World; operator?: { apiPort: number } | undefined },
  ...asked: [string, string, { token: string; body?: string }]
) {
  const { data } = await world.get("v1", "configmaps", SYSTEM, "vextir-ca");
  return askApi({ port: operator?.apiPort ?? 0, ca: data["ca.crt"], namespace: SYSTEM }, ...asked);
}

/** Another authority is announced: each certificate is made anew. */
async function authority(world: World): Promise<void> {
  const secrets = ["vextir-nats-tls", "vextir-operator-tls"];
  const data = async () => Promise.all(secrets.map((name) => world.get("v1", "secrets", SYSTEM, name)));
  const before = await data();
  const asked = { token: await platformToken(world), body: '{"kind":"authority"}' };
  await eventually(async () => {
    return (await askOperator({ world }, "POST", "/v1/keys:rotate", asked)).status === 202;
  }, "taken note of");
  await eventually(async () => {
    const after = await data();
    return after.every((secret, i) => secret.data["tls.crt"] !== before[i].data["tls.crt"]);
  }, "made anew");
  await world.projectSecrets();
}

async function removal(world: World, namespace: string): Promise<void> {
  for (const name of ["gateway", "scribe"]) {
    await world.delete(namespace, name);
    await gone(world, API_VERSION, "drivers", namespace, name);
  }
  await world.api.request("DELETE", `${collection(API_VERSION, "eventbuses", namespace)}/default`);
  await gone(world, API_VERSION, "eventbuses", namespace, "default");
}

/** An operator starts where none led before, and a Driver comes and connects. Ends with the signal. */
export async function install(world: World, signal: AbortSignal): Promise<void> {
  await world.stopOperator();
  await world.api.request("DELETE", `${collection("v1", "secrets", SYSTEM)}/vextir-nats`);
  const leases = collection("coordination.k8s.io/v1", "leases", SYSTEM);
  await world.api.request("DELETE", `${leases}/vextir-operator`);
  const namespace = await world.api.namespace();
  await world.apply(namespace, "gateway", { ...gateway, replicas: 2 });
  const server = await applyToolServer(world, namespace);
  const operator = world.newOperator();
  const running = operator.run();
  try {
    const account = () => world.get("v1", "serviceaccounts", namespace, "driver-gateway");
    await eventually(async () => signal.aborted || account(), "a ServiceAccount");
    // Who may not ask whose token it is lets nobody in.
    const connected = signal.aborted
      ? undefined
      : await world.connectWith(await world.token(namespace, "gateway"), world.caFile).catch(() => {});
    await connected?.close();
    // What has worked is kept.
    const deployment = () => world.deployment(namespace, "gateway");
    await eventually(async () => signal.aborted || deployment(), "a Deployment");
    if (!signal.aborted) await world.makePodsReady(namespace, "gateway");
    const token = await platformToken(world);
    await eventually(async () => signal.aborted || operator.apiPort, "the API");
    if (!signal.aborted) await askOperator({ world, operator }, "GET", capabilitiesOf(namespace), { token });
    await eventually(async () => signal.aborted, "the signal");
  } finally {
    await operator.stop();
    await running;
    await world.api.request("DELETE", server);
    await vanish(world, namespace, "drivers", "docs");
    await vanish(world, namespace, "drivers", "gateway");
    await vanish(world, namespace, "eventbuses", "default");
  }
}

async function ready(world: World, namespace: string, name: string): Promise<void> {
  await world.waitFor(namespace, name, "BusAccessReady", "True");
  await eventually(() => world.deployment(namespace, name), "a Deployment");
  await world.makePodsReady(namespace, name);
  await world.waitFor(namespace, name, "Ready", "True");
}

const gone = (world: World, apiVersion: string, plural: string, namespace: string, name: string) =>
  eventually(
    async () => !(await world.get(apiVersion, plural, namespace, name)),
    `${plural} ${name} is gone`,
  );

/** Deleted without its finalizers being waited for. */
async function vanish(world: World, namespace: string, plural: string, name: string): Promise<void> {
  const path = `${collection(API_VERSION, plural, namespace)}/${name}`;
  await world.api.request("MERGE", path, { metadata: { finalizers: null } });
  await world.api.request("DELETE", path);
}
