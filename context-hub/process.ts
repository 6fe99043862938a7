import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { type Database, migrateWhenThere } from "@vextir/database";
import { createLocalJWKSet, createRemoteJWKSet } from "jose";
import type { Logger } from "pino";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import { Access } from "./access/access.ts";
import { authenticator } from "./access/authenticate.ts";
import { BusPolicy, credentialsOf } from "./access/bus-policy.ts";
import { ClusterApi } from "./access/cluster-api.ts";
import { ClusterTokens } from "./access/cluster-tokens.ts";
import type { TokenKeys } from "./access/pod-token.ts";
import type { HubConfiguration } from "./configuration.ts";
import { openHubDatabase } from "./database/open.ts";
import { endExpired } from "./documents/expiry.ts";
import { Store } from "./documents/store.ts";
import { embedForever } from "./models/embedding-queue.ts";
import { chatModel, embeddingModel } from "./models/provider.ts";
import { hubSchema } from "./schema/migrate.ts";
import { endedCalls } from "./serving/audit.ts";
import { startHealth } from "./serving/health.ts";
import { hubOf } from "./serving/hub.ts";
import { ServedCertificate } from "./serving/served-certificate.ts";
import { startServer } from "./serving/server.ts";

const SWEEP_MS = 30_000;
const CLUSTER_RETRY_MS = 1_000;

export interface HubProcess {
  port: number;
  healthPort: number;
  metrics: Registry;
  stop(): Promise<void>;
}

/** Everything that a hub is made of, from its configuration. Resolves when it serves. */
export async function startHub(configuration: HubConfiguration, log: Logger): Promise<HubProcess> {
  await using started = new AsyncDisposableStack();
  const stopping = new AbortController();
  const { signal } = stopping;
  const trouble = (err: unknown) => log.warn({ err }, "what is wrong is tried again until it is not");
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });

  const { schema } = configuration.database;
  const database = await open(configuration, trouble);
  started.defer(() => database.close());
  let phase = "waiting for the database";
  const { bus } = configuration;
  const policy = BusPolicy.start({
    ...{ servers: bus.servers, authenticator: credentialsOf(bus.credsFile), log },
    ...(bus.caFile !== undefined && { caFile: bus.caFile }),
  });
  started.defer(() => policy.stop());
  const obstacles = () => [
    ...(phase ? [phase] : []),
    ...(policy.isFresh ? [] : ["what is granted is not known"]),
  ];
  policyMetric(registry, policy);
  const health = await startHealth({ ...configuration.health, registry, obstacles });
  started.defer(() => health.stop());
  await migrateWhenThere(database, hubSchema(schema), { signal, trouble });
  phase = "waiting for the cluster's API server";
  const tokens = await tokensOf(configuration, started, trouble);
  const certificate = certificateOf(configuration, log);
  started.defer(() => certificate?.stop());

  const store = new Store(database, schema);
  const { embedding, chat } = modelsOf(configuration);
  const server = await startServer({
    implementation: hubOf({ store, access: new Access(policy), embedding, chat }),
    // No gateway signs users yet: grants with `users: Caller` cover nothing until then.
    authenticate: authenticator({ tokens, assertionKeysOf: () => undefined }),
    address: configuration.listen,
    ended: endedCalls(log, callMetrics(registry)),
    ...(certificate && { certificate }),
  });
  const work = [
    sweep(store, signal, trouble),
    ...(embedding ? [embedForever({ database, schema, model: embedding, signal, trouble })] : []),
  ];
  phase = "";
  const all = started.move();
  return {
    port: server.port,
    healthPort: health.port,
    metrics: registry,
    stop: async () => {
      phase = "stopping";
      stopping.abort();
      await server.stop();
      await Promise.all(work);
      await all.disposeAsync();
    },
  };
}

async function open({ database }: HubConfiguration, onIdleError: (error: Error) => void): Promise<Database> {
  const { passwordFile, schema, ...place } = database;
  const password = passwordFile === undefined ? undefined : (await readFile(passwordFile, "utf8")).trim();
  return openHubDatabase(schema, { ...place, password, onIdleError });
}

/** In a cluster: as soon as its API server answers. */
async function tokensOf(
  { tokens }: HubConfiguration,
  started: AsyncDisposableStack,
  trouble: (error: unknown) => void,
): Promise<TokenKeys> {
  if ("cluster" in tokens) {
    const api = new ClusterApi(tokens.cluster);
    started.defer(() => api.close());
    for (;;) {
      try {
        return await ClusterTokens.open(api);
      } catch (error) {
        trouble(error);
        await delay(CLUSTER_RETRY_MS);
      }
    }
  }
  const { issuer, keys } = tokens;
  if (keys.startsWith("https://")) return { issuer, keys: createRemoteJWKSet(new URL(keys)) };
  return { issuer, keys: createLocalJWKSet(JSON.parse(await readFile(keys, "utf8"))) };
}

function modelsOf({ models: { embedding, chat } }: HubConfiguration) {
  const keyOf = (file: string | undefined) =>
    file === undefined ? undefined : readFileSync(file, "utf8").trim();
  return {
    embedding: embedding && embeddingModel({ ...embedding, apiKey: keyOf(embedding.apiKeyFile) }),
    chat: chat && chatModel({ ...chat, apiKey: keyOf(chat.apiKeyFile) }),
  };
}

const certificateOf = ({ tlsDir: folder }: HubConfiguration, log: Logger) =>
  folder === undefined ? undefined : new ServedCertificate({ folder, log });

function policyMetric(registry: Registry, policy: BusPolicy): void {
  new Gauge({
    name: "vextir_hub_policy_known",
    help: "1 while it is known what drivers are granted; 0: every call is refused.",
    registers: [registry],
    collect() {
      this.set(policy.isFresh ? 1 : 0);
    },
  });
}

function callMetrics(registry: Registry) {
  const registers = [registry];
  return {
    calls: new Counter({
      ...{ name: "vextir_hub_calls_total", help: "Calls by method and gRPC status.", registers },
      labelNames: ["method", "code"],
    }),
    seconds: new Histogram({
      ...{ name: "vextir_hub_call_seconds", help: "How long calls took, streams till their end.", registers },
      labelNames: ["method"],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    }),
  };
}

async function sweep(store: Store, signal: AbortSignal, trouble: (error: unknown) => void): Promise<void> {
  while (!signal.aborted) {
    await endExpired(store).catch(trouble);
    await delay(SWEEP_MS, undefined, { signal }).catch(() => {});
  }
}
