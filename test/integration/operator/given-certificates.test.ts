/** cert-manager's way: somebody else makes the certificates, renews them and changes their issuer. */

import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { NatsConnection } from "@nats-io/transport-node";
import type { KeyedCertificate } from "@vextir/operator/tls/certificate-check.ts";
import { createAuthority, issueCertificate } from "@vextir/operator/tls/issuing.ts";
import { leavesOf } from "@vextir/operator/tls/leaves.ts";
import { presentedBy } from "@vextir/operator/tls/presented.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { collection, SYSTEM, World } from "./world.ts";

let world: World;
let namespace: string;
let folder: string;
const lines: string[] = [];
/** Two issuers, of which the second is to follow the first. */
let [first, second]: KeyedCertificate[] = [];
/** A driver's connection, open all the time. */
let open: NatsConnection | undefined;
const happened: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-given-"));
  [first, second] = [await createAuthority("first", Date.now()), await createAuthority("second", Date.now())];
  world = await World.start({ operator: false, tls: true, logTo: lines });
  namespace = await world.api.namespace();
});
afterAll(async () => {
  await open?.close();
  await world?.stop();
  await rm(folder, { recursive: true, force: true });
});

const encode = (text: string) => Buffer.from(text).toString("base64");
const fingerprint = (pem: string) => new X509Certificate(pem).fingerprint256;
const trusted = async () =>
  (await world.get("v1", "configmaps", namespace, "vextir-ca"))?.data["ca.crt"].trim();

/** Makes every certificate, or makes it anew, as cert-manager does. @returns them by the names of their Secrets. */
async function issue(issuer = first): Promise<Map<string, string>> {
  const made = new Map<string, string>();
  for (const { secret, names } of leavesOf(SYSTEM, 1)) {
    const { certificate, privateKey } = await issueCertificate(issuer as KeyedCertificate, names, Date.now());
    const data = {
      "tls.crt": encode(certificate),
      "tls.key": encode(privateKey),
      "ca.crt": encode(issuer?.certificate ?? ""),
    };
    const path = `${collection("v1", "secrets", SYSTEM)}/${secret}`;
    const object = {
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/tls",
      metadata: { name: secret },
      data,
    };
    const answer = await world.api.request("APPLY", path, object);
    expect(answer.status).toBeLessThan(300);
    made.set(secret, fingerprint(certificate));
  }
  return made;
}

/** The operator's API shows it, and so does nats-server once the kubelet has brought it. */
async function isShown(made: ReadonlyMap<string, string>): Promise<void> {
  await eventually(async () => {
    await world.projectSecrets();
    return (await presentedBy("localhost", world.nats.port)).fingerprint === made.get("vextir-nats-tls");
  }, "nats-server shows it");
  await eventually(async () => {
    const port = world.operator?.apiPort;
    if (!port) return false;
    const socket = connectTls({ host: "localhost", port, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const shown = socket.getPeerCertificate().fingerprint256;
    socket.destroy();
    return shown === made.get("vextir-operator-tls");
  }, "the API shows it");
}

async function connectTrusting(...authorities: (KeyedCertificate | undefined)[]): Promise<NatsConnection> {
  const caFile = join(folder, "trusted.crt");
  await writeFile(caFile, authorities.map((authority) => authority?.certificate).join("\n"));
  return world.connectWith(await world.token(namespace, "gateway"), caFile);
}

/** The connection of the beginning has its rights, and nothing has happened to it. */
async function livesOn(): Promise<void> {
  const answer = await open?.request("$KV.gateway.key", "value", { timeout: 5_000 });
  expect(answer?.json()).toMatchObject({ stream: "KV_gateway" });
  expect(happened).toEqual([]);
}

const restartOperator = async (alsoTrusted: string) => {
  await world.stopOperator();
  await world.startOperator({ tls: { given: true, alsoTrusted } });
  await world.admits();
};

test("until they are there the operator says which it waits for, and makes none", async () => {
  await world.startOperator({ tls: { given: true, alsoTrusted: "" } });
  await eventually(
    async () => lines.some((line) => line.includes("see the Certificate of that name")),
    "it is said",
  );
  expect(await world.get("v1", "secrets", SYSTEM, "vextir-nats-tls")).toBeUndefined();
  expect(await world.get("v1", "secrets", SYSTEM, "vextir-ca")).toBeUndefined();
});

test("nats-server and the API show them, and drivers trust their issuer", async () => {
  const made = await issue();
  await world.startNats();
  await isShown(made);
  const spec = { class: "IO", module: "gateway", capabilities: { state: true } };
  await world.apply(namespace, "gateway", spec);
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  expect(await trusted()).toBe(first?.certificate.trim());
  const connection = await connectTrusting(first);
  open = connection;
  void (async () => {
    // `update`: the server told its addresses.
    for await (const { type } of connection.status()) if (type !== "update") happened.push(type);
  })();
  await livesOn();
});

test("one that is renewed is taken while connections live on", async () => {
  await isShown(await issue());
  await livesOn();
  await (await connectTrusting(first)).close();
});

test("another issuer: announced by a value, then in use, then alone", async () => {
  await restartOperator(second?.certificate ?? "");
  await eventually(
    async () => (await trusted())?.includes(second?.certificate.trim() ?? "-"),
    "both are trusted",
  );
  await (await connectTrusting(first)).close();
  await livesOn();

  const made = await issue(second);
  await isShown(made);
  await expect(connectTrusting(first)).rejects.toThrow();
  await (await connectTrusting(first, second)).close();
  await livesOn();

  await restartOperator("");
  await eventually(
    async () => (await trusted()) === second?.certificate.trim(),
    "the second alone is trusted",
  );
  await isShown(made);
  await (await connectTrusting(second)).close();
  await livesOn();
});
