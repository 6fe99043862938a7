import { randomBytes, randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { connect, type NatsConnection, tokenAuthenticator } from "@nats-io/transport-node";
import { Capabilities, EventBusSpec, Subscription } from "@vextir/api";
import {
  type AuthCallout,
  createRealm,
  type DriverAccess,
  FilePinnedIds,
  LocalTokenAuthority,
  NatsBusAuthority,
  serverConfig,
  serviceAccountOf,
  startAuthCallout,
} from "@vextir/operator/bus/index.ts";
import { createAuthority, issueCertificate } from "@vextir/operator/tls/issuing.ts";
import { retried } from "../../fixtures/eventually.ts";
import { freePort } from "../../fixtures/free-port.ts";
import { NatsProcess } from "../../fixtures/nats-process.ts";
import { request } from "./world.ts";

/** Three servers with TLS towards clients and each other, as the chart runs them. */
const realm = createRealm(randomBytes(32));
const driver: DriverAccess = {
  namespace: "team",
  name: "d",
  uid: randomUUID(),
  subscriptions: [Subscription.parse({ types: ["a"] })],
  capabilities: Capabilities.parse({ publish: ["a"], state: true }),
  peers: new Map(),
};

let folder: string;
let servers: NatsProcess[];
let configs: string[];
let authority: NatsBusAuthority;
let callout: AuthCallout;
let tokens: LocalTokenAuthority;
let endpoint: { servers: string[]; tls: { caFile: string } };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-cluster-"));
  const caFile = join(folder, "ca.crt");
  const tls = { certFile: join(folder, "tls.crt"), keyFile: join(folder, "tls.key"), caFile };
  const ca = await createAuthority("test", Date.now());
  const server = await issueCertificate(ca, { dns: ["localhost"], ip: ["127.0.0.1"] }, Date.now());
  await writeFile(tls.certFile, server.certificate);
  await writeFile(tls.keyFile, server.privateKey);
  await writeFile(caFile, ca.certificate);

  const members = await Promise.all(["n0", "n1", "n2"].map((name) => member(name)));
  servers = members.map(({ process }) => process);
  const routes = members.map(({ routePort }) => `nats://127.0.0.1:${routePort}`);
  configs = members.map(({ name, process, routePort }) =>
    serverConfig({
      realm,
      serverName: name,
      listen: { host: "127.0.0.1", port: process.port },
      storeDir: join(folder, name, "store"),
      tls,
      cluster: { name: "test", port: routePort, routes },
    }),
  );
  await Promise.all(servers.map((process, i) => process.start(configs[i] ?? "")));
  endpoint = { servers: servers.map(({ port }) => `tls://127.0.0.1:${port}`), tls: { caFile } };
  const pinned = new FilePinnedIds(join(folder, "pinned.json"));
  authority = NatsBusAuthority.connect({ ...endpoint, realm, pinned, replicas: 3 });
  tokens = await LocalTokenAuthority.create();
  callout = startAuthCallout({
    ...endpoint,
    realm,
    verifier: tokens,
    drivers: {
      find: (_namespace, name) => (name === driver.name ? { ...driver, serviceAccountUid: "sa" } : undefined),
    },
    log: { info: () => {}, warn: () => {} },
  });
  await callout.ready();
  const spec = EventBusSpec.parse({ events: { maxBytes: "64Mi" }, deadLetters: { maxBytes: "16Mi" } });
  // The servers first have to find each other and elect who leads.
  await retried(() => authority.ensureTenant({ namespace: "team", uid: "bus", spec }));
  await retried(() => authority.ensureDriver(driver));
});

afterAll(async () => {
  await Promise.all([authority.stop(), callout.stop()]);
  await Promise.all(servers.map((server) => server.end("SIGKILL")));
  await rm(folder, { recursive: true, force: true });
});

async function member(name: string) {
  await mkdir(join(folder, name));
  const process = new NatsProcess(join(folder, name), await freePort());
  return { name, process, routePort: await freePort() };
}

async function connectTo(url: string | string[]): Promise<NatsConnection> {
  const pod = { namespace: "team", uid: "sa", podName: "d-0", podUid: "p" };
  const token = await tokens.sign({ ...pod, serviceAccount: serviceAccountOf("d") });
  const { tls } = endpoint;
  const forEver = { reconnectTimeWait: 50, maxReconnectAttempts: -1, ignoreAuthErrorAbort: true };
  return connect({
    servers: url,
    authenticator: tokenAuthenticator(() => token),
    tls,
    timeout: 5_000,
    ...forEver,
  });
}

test("the driver is known to every server, and its events to all three", async () => {
  for (const url of endpoint.servers) {
    const connection = await connectTo(url);
    expect(JSON.parse(await request(connection, "evt.d.0.a", "x"))).toMatchObject({ stream: "EVENTS" });
    await connection.close();
  }
});

test("a client that does not know the authority of the certificate is not served in the clear", async () => {
  const token = await tokens.sign({
    namespace: "team",
    serviceAccount: "driver-d",
    uid: "sa",
    podName: "d-0",
    podUid: "p",
  });
  const url = endpoint.servers[0]?.replace("tls:", "nats:") ?? "";
  const plain = connect({
    servers: url,
    authenticator: tokenAuthenticator(token),
    tls: null,
    timeout: 10_000,
  });
  await expect(plain).rejects.toThrow();
});

test("a server dies: drivers and operator go on at the others, and what was stored is there", async () => {
  const connection = await connectTo(endpoint.servers);
  const before = JSON.parse(await request(connection, "evt.d.0.a", "x")) as { seq: number };
  const dead = endpoint.servers.findIndex((url) =>
    url.endsWith(connection.getServer().split(":").at(-1) ?? ""),
  );
  await servers[dead]?.end("SIGKILL");
  const after = await retried(
    async () => JSON.parse(await request(connection, "evt.d.0.a", "y")) as { seq: number },
  );
  expect(after.seq).toBeGreaterThan(before.seq);
  const edited = { ...driver, capabilities: Capabilities.parse({ publish: ["b"] }) };
  await retried(() => authority.ensureDriver(edited));
  expect(JSON.parse(await request(connection, "evt.d.0.b", "z"))).toMatchObject({ stream: "EVENTS" });
  // It learns what happened meanwhile.
  await servers[dead]?.start(configs[dead] ?? "");
  const returned = await retried(() => connectTo(endpoint.servers[dead] ?? ""));
  await retried(async () => {
    expect(JSON.parse(await request(returned, "evt.d.0.b", "z"))).toMatchObject({ stream: "EVENTS" });
  });
  await Promise.all([connection.close(), returned.close()]);
});
