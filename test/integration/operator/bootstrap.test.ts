import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { type BootstrapOptions, bootstrap, readBootstrapped } from "@vextir/operator/bootstrap/bootstrap.ts";
import { SECRETS } from "@vextir/operator/bootstrap/names.ts";
import { SecretPinnedIds } from "@vextir/operator/bootstrap/secret-pinned-ids.ts";
import { OwnSecrets } from "@vextir/operator/bootstrap/secrets.ts";
import { createRealm } from "@vextir/operator/bus/index.ts";
import { systemClock } from "@vextir/operator/clock.ts";
import { KubeCluster, openKubeApi } from "@vextir/operator/kube/index.ts";
import { isGood } from "@vextir/operator/tls/certificate-check.ts";
import { OwnCertificates } from "@vextir/operator/tls/certificates.ts";
import { createAuthority } from "@vextir/operator/tls/issuing.ts";
import { leavesOf, natsNames } from "@vextir/operator/tls/leaves.ts";
import { pino } from "pino";
import { type ApiServer, startApiServer } from "../../fixtures/kube.ts";

let api: ApiServer;
let namespace: string;
const clusters: KubeCluster[] = [];

beforeAll(async () => {
  api = await startApiServer();
});
afterAll(async () => {
  await Promise.all(clusters.map((cluster) => cluster.close()));
  await api?.stop();
});
beforeEach(async () => {
  namespace = await api.namespace();
});

/** What one replica of the operator works with. */
async function replica(change: Partial<BootstrapOptions["nats"]> = {}): Promise<BootstrapOptions> {
  const { api: client } = await openKubeApi({ kubeconfig: api.kubeconfig });
  const cluster = new KubeCluster({ api: client, log: pino({ level: "silent" }) });
  clusters.push(cluster);
  const nats = { replicas: 1, storageBytes: 8 * 2 ** 30, ...change };
  const secrets = new OwnSecrets(cluster, namespace);
  const leaves = leavesOf(namespace, nats.replicas);
  const certificates = new OwnCertificates({ secrets, leaves, clock: systemClock });
  return { secrets, certificates, namespace, nats, hub: true };
}

/** What a replica finds that doesn't lead. */
async function follower() {
  const { secrets, certificates } = await replica();
  return readBootstrapped(secrets, certificates);
}

const secret = async (name: string): Promise<Record<string, Buffer>> => {
  const { body } = await api.request("GET", `/api/v1/namespaces/${namespace}/secrets/${name}`);
  const entries = Object.entries(body.data as Record<string, string>);
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, "base64")]));
};

test("of several that begin at once one wins, and all know the same", async () => {
  expect(await follower()).toBeUndefined();
  const made = await Promise.all([1, 2, 3].map(async () => bootstrap(await replica())));
  expect(new Set(made.map(({ realm }) => realm.operatorJwt)).size).toBe(1);
  expect(new Set(made.map(({ ca }) => ca)).size).toBe(1);
  const late = await follower();
  expect(late?.realm.operatorJwt).toBe(made[0]?.realm.operatorJwt);
  expect(late?.ca).toBe(made[0]?.ca);
});

test("a second start changes nothing; more servers get a certificate with their names and keep the keys", async () => {
  const first = await bootstrap(await replica());
  const names = [SECRETS.nats, SECRETS.natsTls, SECRETS.operatorTls, SECRETS.hubTls, SECRETS.hubBus];
  const all = async () => Promise.all(names.map(secret));
  const before = await all();
  await bootstrap(await replica());
  expect(await all()).toEqual(before);
  const grown = await bootstrap(await replica({ replicas: 3 }));
  expect(grown.realm.operatorJwt).toBe(first.realm.operatorJwt);
  expect(grown.ca).toBe(first.ca);
  const [config, after, ...others] = await all();
  expect(config?.["nats.conf"]?.toString()).toContain("vextir-nats-2.vextir-nats-headless");
  expect(after?.["tls.crt"]).not.toEqual(before[1]?.["tls.crt"]);
  expect(others).toEqual(before.slice(2));
  expect(others[2]?.["hub.creds"]?.toString()).toBe(first.realm.hubCredentials());
  const { certificate } = await createAuthority("another", Date.now());
  const authority = await secret(SECRETS.authority);
  const ours = { certificate: authority["tls.crt"]?.toString() ?? "" };
  const pem = after?.["tls.crt"]?.toString() ?? "";
  const hosts = natsNames(namespace, 3);
  expect(isGood(pem, ours, hosts, Date.now())).toBe(true);
  expect(isGood(pem, { certificate }, hosts, Date.now())).toBe(false);
  expect(isGood(pem, ours, hosts, Date.now() + 59 * 86_400_000)).toBe(true);
  expect(isGood(pem, ours, hosts, Date.now() + 61 * 86_400_000)).toBe(false);
});

test("an installation from before keys could be rotated keeps its accounts, and gets what a rotation needs", async () => {
  const master = randomBytes(32);
  await api.request("POST", `/api/v1/namespaces/${namespace}/secrets`, {
    metadata: { name: SECRETS.master },
    data: { secret: master.toString("base64") },
  });
  const before = createRealm(master);
  const made = await Promise.all([1, 2].map(async () => bootstrap(await replica())));
  for (const { realm } of made) {
    expect(realm.system.id).toBe(before.system.id);
    expect(realm.driverAccount("u")).toMatchObject({ id: before.driverAccount("u").id });
    expect(realm.signer).toBe(before.signer);
    expect(realm.operatorSigningKeys.slice(0, 2)).toEqual(before.operatorSigningKeys.slice(0, 2));
  }
  const { next, identity } = await secret(SECRETS.master);
  expect(identity).toEqual(master);
  expect(next).toHaveLength(32);
  expect(made.map(({ realm }) => Buffer.from(realm.material.next))).toEqual([next, next]);
});

test("without a context hub nothing is made that it would connect with", async () => {
  await bootstrap({ ...(await replica()), hub: false });
  const { status } = await api.request("GET", `/api/v1/namespaces/${namespace}/secrets/${SECRETS.hubBus}`);
  expect(status).toBe(404);
});

test("pinned ids are kept by whoever writes at the same time, and go one by one", async () => {
  const [one, other] = [
    new SecretPinnedIds((await replica()).secrets),
    new SecretPinnedIds((await replica()).secrets),
  ];
  const names = Array.from({ length: 6 }, (_, index) => `tenant-${index}`);
  await Promise.all(names.map((name, index) => (index % 2 ? one : other).put(name, `id-${name}`)));
  const fresh = new SecretPinnedIds((await replica()).secrets);
  for (const name of names) expect(await fresh.get(name)).toBe(`id-${name}`);
  await fresh.remove("tenant-0");
  expect(Object.keys(await secret(SECRETS.busAccounts)).sort()).toEqual(names.slice(1));
});

test("a master secret that lost its key is told, not replaced", async () => {
  await api.request("POST", `/api/v1/namespaces/${namespace}/secrets`, {
    metadata: { name: SECRETS.master },
  });
  await expect(bootstrap(await replica())).rejects.toThrow("vextir-master has no key secret");
});
