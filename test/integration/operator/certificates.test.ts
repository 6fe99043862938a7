import { createPublicKey, X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { connect, type NatsConnection, tokenAuthenticator } from "@nats-io/transport-node";
import { OwnSecrets } from "@vextir/operator/bootstrap/secrets.ts";
import { AuthorityStore } from "@vextir/operator/tls/authority-store.ts";
import { issueCertificate } from "@vextir/operator/tls/issuing.ts";
import { natsNames } from "@vextir/operator/tls/leaves.ts";
import { presentedBy } from "@vextir/operator/tls/presented.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { openCluster } from "../../fixtures/kube-cluster.ts";
import { SYSTEM, World } from "./world.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let world: World;
let namespace: string;
let folder: string;
/** A driver's connection, open all the time. */
let open: NatsConnection;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-certificates-"));
  world = await World.start({ tls: true });
  namespace = await world.api.namespace();
  await world.apply(namespace, "gateway", { class: "IO", module: "gateway", capabilities: { state: true } });
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  open = await world.connectAs(namespace, "gateway");
  [heard, happened] = [[], []];
  open.subscribe("live.gateway.>", { callback: (_error, message) => void heard.push(message.string()) });
  void (async () => {
    // `update`: the server told its addresses.
    for await (const { type } of open.status()) if (type !== "update") happened.push(type);
  })();
  await livesOn();
});
afterAll(async () => {
  await open?.close();
  await world?.stop();
  await rm(folder, { recursive: true, force: true });
});

const pemOf = async (secret: string, key: string) => {
  const { data } = await world.get("v1", "secrets", SYSTEM, secret);
  return Buffer.from(data[key] ?? "", "base64").toString();
};
const fingerprint = (pem: string) => new X509Certificate(pem).fingerprint256;
const presented = async () => (await presentedBy("localhost", world.nats.port)).fingerprint;
const written = async () => fingerprint(await pemOf("vextir-nats-tls", "tls.crt"));
const trustedBy = async () => (await world.get("v1", "configmaps", namespace, "vextir-ca")).data["ca.crt"];
const countOf = (pem: string) => pem.match(/BEGIN CERTIFICATE/g)?.length ?? 0;

/** Until nats-server shows what is written, brought to it as the kubelet does. */
const taken = () =>
  eventually(async () => {
    await world.projectSecrets();
    return (await presented()) === (await written());
  }, "the server shows what is written");

async function connectTrusting(pem: string): Promise<NatsConnection> {
  const caFile = join(folder, "trusted.crt");
  await writeFile(caFile, pem);
  return world.connectWith(await world.token(namespace, "gateway"), caFile);
}

/** What the open connection heard by the subscription of its beginning, and what the bus did to it since. */
let heard: string[];
let happened: string[];

/** The connection of the beginning is still there, with its subscription and its rights. */
async function livesOn(): Promise<void> {
  const text = `after ${heard.length}`;
  open.publish("live.gateway.topic", text);
  await eventually(async () => heard.at(-1) === text, "the subscription hears");
  const stored = await open.request("$KV.gateway.key", text, { timeout: 5_000 });
  expect(stored.json()).toMatchObject({ stream: "KV_gateway" });
  expect(happened).toEqual([]);
}

test("a certificate that ends soon is renewed, and taken by the running server", async () => {
  const first = await presented();
  const [certificate, privateKey] = [
    await pemOf("vextir-ca", "tls.crt"),
    await pemOf("vextir-ca", "tls.key"),
  ];
  // Seventy of its ninety days are over.
  const old = await issueCertificate(
    { certificate, privateKey },
    natsNames(SYSTEM, 1),
    Date.now() - 70 * DAY_MS,
  );
  const encode = (text: string) => Buffer.from(text).toString("base64");
  await world.api.request("MERGE", `/api/v1/namespaces/${SYSTEM}/secrets/vextir-nats-tls`, {
    data: { "tls.crt": encode(old.certificate), "tls.key": encode(old.privateKey) },
  });
  await eventually(async () => ![first, fingerprint(old.certificate)].includes(await written()), "renewed");
  const renewed = new X509Certificate(await pemOf("vextir-nats-tls", "tls.crt"));
  expect(Date.parse(renewed.validTo) - Date.now()).toBeGreaterThan(89 * DAY_MS);
  // Until the kubelet has brought it, the server shows the one that it has.
  expect(await presented()).toBe(first);
  await taken();
  await livesOn();
});

test("nobody is served in the clear", async () => {
  const token = await world.token(namespace, "gateway");
  const plain = connect({
    servers: `nats://127.0.0.1:${world.nats.port}`,
    authenticator: tokenAuthenticator(token),
    tls: null,
    timeout: 10_000,
    reconnect: false,
  });
  await expect(plain).rejects.toThrow();
  // Whatever the client says, before TLS the server says nothing but what it is, and hangs up.
  expect(await talk(`CONNECT {"auth_token":"${token}"}\r\nPING\r\n`)).not.toContain("PONG");
});

async function talk(text: string): Promise<string> {
  const { connect: tcp } = await import("node:net");
  const socket = tcp(world.nats.port, "127.0.0.1", () => socket.write(text));
  let heard = "";
  socket.on("data", (chunk) => {
    heard += chunk.toString("latin1");
  });
  await new Promise((resolve) => socket.once("close", resolve).on("error", () => {}));
  return heard;
}

test("another authority: trusted before it signs, the one before trusted for a day", async () => {
  const first = await trustedBy();
  expect(countOf(first)).toBe(1);
  const cluster = await openCluster(world.api.kubeconfig);
  const authorities = new AuthorityStore(new OwnSecrets(cluster, SYSTEM));
  expect(await authorities.change(Date.now())).toBe(true);
  expect(await authorities.change(Date.now())).toBe(false);
  await cluster.close();

  // Announced: everybody trusts both, and what is shown is still signed by the old one.
  await eventually(async () => {
    await resync();
    return countOf(await trustedBy()) === 2;
  }, "both are published");
  await taken();
  await (await connectTrusting(first)).close();
  await livesOn();

  // Switched: who knows the old one alone is lost, who read the bundle is not.
  const both = await trustedBy();
  const signer = await pemOf("vextir-ca", "tls.crt");
  world.laterMs = HOUR_MS;
  await eventually(async () => (await pemOf("vextir-ca", "tls.crt")) !== signer, "the next one signs");
  await eventually(async () => isSignedBy(await pemOf("vextir-ca", "tls.crt")), "and has signed");
  await taken();
  await expect(connectTrusting(first)).rejects.toThrow();
  await (await connectTrusting(both)).close();
  await livesOn();
  // The operator's own connections find their way back too.
  const operators = await world.operator?.metrics.metrics();
  expect(operators).toContain("vextir_bus_online 1");

  // Forgotten: after a day the old one is trusted no more.
  world.laterMs = 25 * HOUR_MS;
  await eventually(async () => (await pemOf("vextir-ca", "previous.crt")) === "", "forgotten");
  world.laterMs = 0;
  // What was made by the clock of then begins tomorrow, and is made anew by that of now.
  await eventually(
    async () =>
      Date.parse(new X509Certificate(await pemOf("vextir-nats-tls", "tls.crt")).validFrom) <= Date.now(),
    "a certificate of now",
  );
  await eventually(async () => {
    await resync();
    return countOf(await trustedBy()) === 1;
  }, "one is published");
  expect(await trustedBy()).not.toBe(first);
  await taken();
  await (await connectTrusting(await trustedBy())).close();
  await livesOn();
});

const isSignedBy = async (authority: string) => {
  const leaf = new X509Certificate(await pemOf("vextir-nats-tls", "tls.crt"));
  return leaf.verify(
    createPublicKey(new X509Certificate(authority).publicKey.export({ type: "spki", format: "pem" })),
  );
};

/** An EventBus is looked at every five minutes, or when it is touched. */
const resync = () =>
  world.api.request("MERGE", `/apis/vextir.io/v1alpha1/namespaces/${namespace}/eventbuses/default`, {
    metadata: { annotations: { looked: String(Date.now()) } },
  });
