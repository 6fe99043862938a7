import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection, tokenAuthenticator } from "@nats-io/transport-node";
import { API_VERSION, type Condition, Manifest, type ManifestInput } from "@vextir/api";
import { createRealm, NatsBusAuthority, type Realm, serverConfig } from "@vextir/operator/bus/index.ts";
import type { Configuration } from "@vextir/operator/configuration.ts";
import { materialOf } from "@vextir/operator/keys/key-store.ts";
import { MANAGED } from "@vextir/operator/labels.ts";
import { Operator } from "@vextir/operator/operator.ts";
import { pino } from "pino";
import { eventually, retried } from "../../fixtures/eventually.ts";
import { freePort } from "../../fixtures/free-port.ts";
import { type ApiServer, type ApiServerOptions, startApiServer } from "../../fixtures/kube.ts";
import { NatsProcess } from "../../fixtures/nats-process.ts";
import { operatorRbac } from "../../fixtures/rbac.ts";

export const SYSTEM = "vextir-system";

/** Nobody answers there: what drivers are told of the context hub. */
export const HUB_URL = `https://vextir-hub.${SYSTEM}.svc:8444`;

/** Lease times for tests: another replica leads ten seconds after one died. Shorter ones would be lost on a busy machine. */
export const ELECTION = { leaseDurationMs: 10_000, renewDeadlineMs: 8_000, retryPeriodMs: 300 };

const manifest = (input: Partial<ManifestInput>): Manifest =>
  Manifest.parse({ name: "x", version: "1.0.0", class: "IO", ...input });

/** Built-ins as tests want them. */
export const BUILT_INS = new Map<string, Manifest>([
  ["gateway", manifest({ name: "gateway" })],
  ["tool-bridge", manifest({ name: "tool-bridge", class: "Tool" })],
  [
    "assistant",
    manifest({
      name: "assistant",
      class: "Agent",
      config: {
        type: "object",
        properties: { tone: { enum: ["kind", "curt"] } },
        additionalProperties: false,
      },
      capabilities: { publish: ["chat.message.sent"] },
    }),
  ],
]);

/** A real API server, a real nats-server and an operator in this process. */
export class World {
  readonly api: ApiServer;
  readonly nats: NatsProcess;
  readonly #folder: string;
  readonly #tls: boolean;
  /** Of the operator, which may do what the chart lets it. */
  kubeconfig = "";
  realm!: Realm;
  operator: Operator | undefined;
  /** By how much the operator's clock is ahead. */
  laterMs = 0;
  /** Takes the operators' log lines. */
  logTo: string[] | undefined;
  #running: Promise<unknown> = Promise.resolve();

  private constructor(api: ApiServer, folder: string, port: number, tls: boolean) {
    this.api = api;
    this.#tls = tls;
    this.#folder = folder;
    this.nats = new NatsProcess(join(folder, "nats"), port);
  }

  /** With an operator, unless it is told not to; nats-server runs when this resolves. */
  static async start(
    options: { operator?: boolean; tls?: boolean; api?: ApiServerOptions; logTo?: string[] } = {},
  ): Promise<World> {
    const api = await startApiServer(options.api);
    const folder = await mkdtemp(join(tmpdir(), "vextir-operator-"));
    const world = new World(api, folder, await freePort(), options.tls ?? false);
    world.logTo = options.logTo;
    try {
      await mkdir(join(folder, "nats"));
      await api.applyCrds(join(import.meta.dirname, "../../../crds"));
      await api.request("POST", "/api/v1/namespaces", { metadata: { name: SYSTEM } });
      await world.useChartsPermissions();
      if (options.operator ?? true) {
        await world.startOperator();
        await world.startNats();
      }
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  private async useChartsPermissions(): Promise<void> {
    await this.api.applyManifests(await operatorRbac(SYSTEM));
    const account = { namespace: SYSTEM, name: "vextir-operator" };
    this.kubeconfig = await this.api.kubeconfigFor(await this.api.token(account));
  }

  configuration(change: Partial<Configuration> = {}): Configuration {
    return {
      namespace: SYSTEM,
      pod: "vextir-operator-0",
      logLevel: "warn",
      watchNamespaces: [],
      healthPort: 0,
      apiPort: 0,
      drivers: {
        image: "example.org/driver:1",
        pullPolicy: "IfNotPresent",
        pullSecrets: [],
        logLevel: "info",
        podAnnotations: [],
        manifests: BUILT_INS,
        networkPolicies: true,
        networkPoliciesEnforced: false,
        dnsPeers: [],
        egressUrl: undefined,
        hubUrl: HUB_URL,
        telemetry: {},
        otlpPeers: [],
      },
      nats: { replicas: 1, storageBytes: 64 * 2 ** 30 },
      tls: { given: false, alsoTrusted: "" },
      bus: { servers: [this.busUrl], ca: undefined },
      ...change,
    };
  }

  get busUrl(): string {
    return this.#tls ? `tls://localhost:${this.nats.port}` : this.nats.url;
  }

  newOperator(change: Partial<Configuration> = {}): Operator {
    const { logTo } = this;
    const level = logTo ? "info" : (process.env["VEXTIR_TEST_LOG"] ?? "silent");
    const log = pino(
      { level, serializers: { error: pino.stdSerializers.err } },
      logTo ? { write: (line: string) => void logTo.push(line) } : pino.destination(2),
    );
    const access = { kubeconfig: this.kubeconfig };
    return new Operator({
      ...{ configuration: this.configuration(change), log, access, election: ELECTION },
      certificatesMs: 200,
      clock: { now: () => Date.now() + this.laterMs },
      followKeysMs: 200,
      exhaustedMs: 1_000,
    });
  }

  async startOperator(change: Partial<Configuration> = {}): Promise<void> {
    const operator = this.newOperator(change);
    this.operator = operator;
    this.#running = operator.run();
    this.#running.catch(() => {});
    await eventually(async () => operator.isLeading, "the operator leads");
  }

  async stopOperator(): Promise<void> {
    await this.operator?.stop();
    await this.#running.catch(() => {});
    this.operator = undefined;
  }

  /** With the keys that the operator made. */
  async startNats(): Promise<void> {
    await eventually(() => this.get("v1", "secrets", SYSTEM, "vextir-master"), "the master secret");
    await this.readKeys();
    await this.nats.start(this.#tls ? await this.secretsConfig() : this.plainConfig());
    if (this.operator) await this.admits();
  }

  /** The realm as it is now: keys may have been rotated. */
  async readKeys(): Promise<void> {
    const secret = await this.get("v1", "secrets", SYSTEM, "vextir-master");
    const data = Object.entries<string>(secret.data).map(([key, value]) => [
      key,
      Buffer.from(value, "base64"),
    ]);
    this.realm = createRealm(materialOf(Object.fromEntries(data)));
  }

  /** One server that is restarted with what the operator has written meanwhile. */
  async restartNats(): Promise<void> {
    await this.nats.end("SIGTERM");
    await this.startNats();
  }

  private plainConfig(): string {
    return serverConfig({
      realm: this.realm,
      serverName: "test",
      listen: { host: "127.0.0.1", port: this.nats.port },
      storeDir: join(this.#folder, "nats", "store"),
    });
  }

  /** What the operator made for the chart's NATS, with folders and ports of this machine. */
  private async secretsConfig(): Promise<string> {
    const folder = await this.projectSecrets();
    return (await readFile(join(folder, "nats.conf"), "utf8"))
      .replaceAll("/etc/nats", folder)
      .replaceAll("/data", join(this.#folder, "nats", "store"))
      .replace("0.0.0.0:4222", `127.0.0.1:${this.nats.port}`)
      .replace("0.0.0.0:8222", `127.0.0.1:${await freePort()}`)
      .replace("$POD_NAME", "vextir-nats-0");
  }

  /** Brings nats-server its files, as the kubelet does. @returns their folder. */
  async projectSecrets(): Promise<string> {
    const folder = join(this.#folder, "nats", "etc");
    await mkdir(folder, { recursive: true });
    for (const name of ["vextir-nats", "vextir-nats-tls"]) {
      const { data } = await eventually(() => this.get("v1", "secrets", SYSTEM, name), name);
      for (const [file, content] of Object.entries<string>(data))
        await writeFile(join(folder, file), Buffer.from(content, "base64"));
    }
    return folder;
  }

  /** Waits until the operator tells nats-server who a connection is. */
  async admits(): Promise<void> {
    await eventually(async () => {
      const metrics = await this.operator?.metrics.metrics();
      return metrics?.includes("vextir_bus_online 1");
    }, "the auth callout is served");
  }

  async stop(): Promise<void> {
    await this.stopOperator();
    await this.nats.end("SIGKILL");
    await this.api.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever the API server answered
  async get(apiVersion: string, plural: string, namespace: string, name: string): Promise<any> {
    const answer = await this.api.request("GET", `${collection(apiVersion, plural, namespace)}/${name}`);
    return answer.status === 200 ? answer.body : undefined;
  }

  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever the API server answered
  async list(apiVersion: string, plural: string, namespace: string): Promise<any[]> {
    const answer = await this.api.request("GET", collection(apiVersion, plural, namespace));
    return answer.body.items;
  }

  driver(namespace: string, name: string) {
    return this.get(API_VERSION, "drivers", namespace, name);
  }

  deployment(namespace: string, name: string) {
    return this.get("apps/v1", "deployments", namespace, name);
  }

  /** As `kubectl apply`. */
  async apply(namespace: string, name: string, spec: object, metadata: object = {}): Promise<void> {
    const path = `${collection(API_VERSION, "drivers", namespace)}/${name}`;
    const object = { apiVersion: API_VERSION, kind: "Driver", metadata: { name, ...metadata }, spec };
    const answer = await this.api.request("APPLY", path, object);
    if (answer.status >= 300) throw new Error(answer.body.message);
  }

  async delete(namespace: string, name: string): Promise<void> {
    await this.api.request("DELETE", `${collection(API_VERSION, "drivers", namespace)}/${name}`);
  }

  async condition(namespace: string, name: string, type: string): Promise<Condition | undefined> {
    const driver = await this.driver(namespace, name);
    return driver?.status?.conditions?.find((condition: Condition) => condition.type === type);
  }

  /** Waits for the condition, of the newest generation. */
  async waitFor(
    namespace: string,
    name: string,
    type: string,
    status: string,
    reason?: string,
  ): Promise<Condition> {
    return eventually(
      async () => {
        const driver = await this.driver(namespace, name);
        const found: Condition | undefined = driver?.status?.conditions?.find(
          (c: Condition) => c.type === type,
        );
        const fits =
          found?.status === status &&
          found.observedGeneration === driver.metadata.generation &&
          (reason === undefined || found.reason === reason);
        if (!fits) throw new Error(`it is ${JSON.stringify(found)}`);
        return found;
      },
      `${name}: ${type}=${status} ${reason ?? ""}`,
    );
  }

  /** What the Deployment's controller and a kubelet would do: every wanted pod is ready. */
  async makePodsReady(namespace: string, name: string): Promise<void> {
    const path = `${collection("apps/v1", "deployments", namespace)}/${name}`;
    const { metadata, spec } = (await this.api.request("GET", path)).body;
    const { replicas } = spec;
    await this.api.request("MERGE", `${path}/status`, {
      status: {
        observedGeneration: metadata.generation,
        ...{ replicas, readyReplicas: replicas, updatedReplicas: replicas, availableReplicas: replicas },
      },
    });
  }

  /** The token that a kubelet would give a pod of the driver. */
  async token(namespace: string, driver: string): Promise<string> {
    return (await this.pod(namespace, driver)).token;
  }

  /** A pod of the driver, with the token that a kubelet would give it: for the bus, or another audience. */
  async pod(
    namespace: string,
    driver: string,
    audience = "vextir-bus",
  ): Promise<{ pod: string; token: string }> {
    const account = `driver-${driver}`;
    await eventually(() => this.get("v1", "serviceaccounts", namespace, account), account);
    const name = `${driver}-${randomUUID().slice(0, 8)}`;
    const pod = await this.api.request("POST", collection("v1", "pods", namespace), {
      metadata: { name, labels: { ...MANAGED, "vextir.io/driver": driver } },
      spec: { serviceAccountName: account, containers: [{ name: "driver", image: "none" }] },
    });
    const audiences = [audience];
    const bound = { name, uid: pod.body.metadata.uid };
    const asked = { namespace, name: account, audiences, pod: bound, expirationSeconds: 600 };
    return { pod: name, token: await this.api.token(asked) };
  }

  connectWith(token: string, caFile?: string): Promise<NatsConnection> {
    return connect({
      servers: this.busUrl,
      tls: caFile ? { caFile } : null,
      authenticator: tokenAuthenticator(token),
      timeout: 5_000,
      reconnect: false,
    });
  }

  async connectAs(namespace: string, driver: string): Promise<NatsConnection> {
    const token = await this.token(namespace, driver);
    // As the runtime does, which tries again: a server on a busy machine may refuse what it was not told in time.
    return retried(() => this.connectWith(token, this.caFile));
  }

  /** What the operator made for nats-server's pods; absent without TLS. */
  get caFile(): string | undefined {
    return this.#tls ? join(this.#folder, "nats", "etc", "ca.crt") : undefined;
  }

  get #endpoint() {
    const caFile = this.caFile;
    return { servers: [this.busUrl], ...(caFile && { tls: { caFile } }) };
  }

  /** A look into the tenant's streams and consumers. Close it. */
  async tenant(namespace: string): Promise<{ connection: NatsConnection; jetstream: JetStreamManager }> {
    const pinned = await this.get("v1", "secrets", SYSTEM, "vextir-bus-accounts");
    const id = Buffer.from(pinned.data[namespace], "base64").toString();
    const { jwt, key } = this.realm.tenantUser(this.realm.accountKeys(id));
    const connection = await connect({
      ...this.#endpoint,
      authenticator: (nonce) => ({ jwt, ...(nonce && { sig: key.sign(nonce).toString("base64url") }) }),
    });
    return { connection, jetstream: await jetstreamManager(connection, { checkAPI: false }) };
  }

  /** Names of the namespace's drivers that have an account. */
  async accounts(namespace: string): Promise<string[]> {
    const pinned = { get: async () => undefined, put: async () => {}, remove: async () => {} };
    const authority = NatsBusAuthority.connect({ ...this.#endpoint, realm: this.realm, pinned });
    try {
      const accounts = await authority.listDriverAccounts();
      return accounts
        .filter((account) => account.namespace === namespace)
        .map(({ name }) => name)
        .sort();
    } finally {
      await authority.stop();
    }
  }
}

export function collection(apiVersion: string, plural: string, namespace: string): string {
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${root}/namespaces/${namespace}/${plural}`;
}
