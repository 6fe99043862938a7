import { createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { connect, errors, tokenAuthenticator } from "@nats-io/transport-node";
import { decodeJwt, SignJWT } from "jose";
import { eventually } from "../../fixtures/eventually.ts";
import { PROMPTLY_MS } from "../../fixtures/promptly.ts";
import { OperatorProcess } from "./operator-process.ts";
import { collection, World } from "./world.ts";

let world: World;
let second: OperatorProcess;
let namespace: string;

beforeAll(async () => {
  world = await World.start();
  second = await OperatorProcess.start(world, "vextir-operator-1");
  namespace = await world.api.namespace();
  await world.apply(namespace, "gateway", GATEWAY);
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  await second.shows("vextir_bus_online 1");
});
afterAll(async () => {
  await second?.stop();
  await world?.stop();
});

const GATEWAY = { class: "IO", module: "gateway" };
const ACCOUNT = "driver-gateway";

const refused = (token: string) =>
  expect(world.connectWith(token)).rejects.toBeInstanceOf(errors.AuthorizationError);

/** Signed by the cluster's own key, as if it had been issued so. */
async function resigned(token: string, change: object): Promise<string> {
  const key = createPrivateKey(await readFile(join(world.api.dir, "sa.key"), "utf8"));
  const [header = ""] = token.split(".");
  const { alg, kid } = JSON.parse(Buffer.from(header, "base64url").toString());
  return new SignJWT({ ...decodeJwt(token), ...change }).setProtectedHeader({ alg, kid }).sign(key);
}

const remove = (plural: string, name: string) =>
  world.api.request("DELETE", `${collection("v1", plural, namespace)}/${name}`, { gracePeriodSeconds: 0 });

async function podOf(token: string): Promise<string> {
  const claims = decodeJwt(token)["kubernetes.io"] as { pod: { name: string } };
  return claims.pod.name;
}

describe("a token is refused that is", () => {
  test.each([
    { what: "forged", token: async (good: string) => `${good.slice(0, -6)}AAAAAA` },
    {
      what: "expired",
      token: (good: string) => resigned(good, { exp: Math.floor(Date.now() / 1_000) - 10 }),
    },
    {
      what: "for another audience",
      token: () => world.api.token({ namespace, name: ACCOUNT, audiences: ["vextir-hub"] }),
    },
    { what: "for the API server", token: () => world.api.token({ namespace, name: ACCOUNT }) },
    {
      what: "of no pod",
      token: () => world.api.token({ namespace, name: ACCOUNT, audiences: ["vextir-bus"] }),
    },
  ])("$what", async ({ token }) => {
    const good = await world.token(namespace, "gateway");
    await (await world.connectWith(good)).close();
    await refused(await token(good));
  });
});

test("a pod that is gone: its token is refused at once, while the API server still takes it", async () => {
  const token = await world.token(namespace, "gateway");
  await (await world.connectWith(token)).close();
  await remove("pods", await podOf(token));
  const began = performance.now();
  await eventually(() => refused(token).then(() => true), "refused");
  const tookMs = Math.round(performance.now() - began);
  process.stdout.write(`deleted pod's token refused after ${tookMs} ms\n`);
  expect(tookMs).toBeLessThan(PROMPTLY_MS);
});

test("the ServiceAccount was made again under its name: tokens of the one before are refused", async () => {
  const before = await world.token(namespace, "gateway");
  await (await world.connectWith(before)).close();
  const { metadata } = await world.get("v1", "serviceaccounts", namespace, ACCOUNT);
  await remove("serviceaccounts", ACCOUNT);
  await eventually(async () => {
    const now = await world.get("v1", "serviceaccounts", namespace, ACCOUNT);
    return now && now.metadata.uid !== metadata.uid;
  }, "the operator makes it anew");
  await eventually(() => refused(before).then(() => true), "refused");
  const after = await world.token(namespace, "gateway");
  await eventually(
    () => world.connectWith(after).then((connection) => connection.close().then(() => true)),
    "let in",
  );
});

test("somebody made the ServiceAccount before the Driver: it is not the Driver's", async () => {
  const other = await world.api.namespace();
  await world.api.request("POST", collection("v1", "serviceaccounts", other), {
    metadata: { name: ACCOUNT, labels: { "app.kubernetes.io/managed-by": "vextir" } },
  });
  await world.apply(other, "gateway", GATEWAY);
  await world.waitFor(other, "gateway", "Accepted", "False", "NameTaken");
  await refused(await world.token(other, "gateway"));
});

test("one of two replicas is killed: connects go on", async () => {
  const token = await world.token(namespace, "gateway");
  const tookMs: number[] = [];
  let ends = false;
  // As the runtime does, which tries for ever: what was asked of the dead replica is not answered.
  const forEver = { waitOnFirstConnect: true, maxReconnectAttempts: -1, ignoreAuthErrorAbort: true };
  const workers = Array.from({ length: 8 }, async () => {
    while (!ends) {
      const began = performance.now();
      const authenticator = tokenAuthenticator(token);
      const connection = await connect({ servers: world.nats.url, authenticator, ...forEver });
      tookMs.push(performance.now() - began);
      await connection.close();
    }
  });
  await second.shows('vextir_bus_connections_total{outcome="Accepted"}');
  await eventually(async () => tookMs.length > 100, "connects");
  await second.kill();
  const before = tookMs.length;
  await eventually(async () => tookMs.length > before + 200, "further connects");
  ends = true;
  await Promise.all(workers);
  const slowest = Math.max(...tookMs);
  process.stdout.write(
    `${tookMs.length} connects, a replica killed: the slowest took ${slowest.toFixed(0)} ms\n`,
  );
  expect(slowest).toBeLessThan(PROMPTLY_MS);
});

describe("while the API server is away", () => {
  const tokens: Record<string, string> = {};
  beforeAll(async () => {
    tokens["good"] = await world.token(namespace, "gateway");
    tokens["of a pod that is gone"] = await world.token(namespace, "gateway");
    tokens["of an account that is gone"] = await resigned(tokens["good"], {
      "kubernetes.io": {
        ...(decodeJwt(tokens["good"])["kubernetes.io"] as object),
        serviceaccount: { name: ACCOUNT, uid: "11111111-1111-1111-1111-111111111111" },
      },
    });
    tokens["expired"] = await resigned(tokens["good"], { exp: Math.floor(Date.now() / 1_000) - 10 });
    tokens["forged"] = `${tokens["good"].slice(0, -6)}AAAAAA`;
    tokens["for another audience"] = await resigned(tokens["good"], { aud: ["vextir-hub"] });
    await remove("pods", await podOf(tokens["of a pod that is gone"]));
    await eventually(() => refused(tokens["of a pod that is gone"] as string).then(() => true), "refused");
    await world.api.kill();
  });

  test("the others are let in", async () => {
    await (await world.connectWith(tokens["good"] as string)).close();
  });
  test.each([
    "of a pod that is gone",
    "of an account that is gone",
    "expired",
    "forged",
    "for another audience",
  ])("a token %s is refused", async (what) => {
    await refused(tokens[what] as string);
  });
});
