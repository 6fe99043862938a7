import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { readEgressConfiguration } from "@vextir/operator/egress/configuration.ts";
import { Egress } from "@vextir/operator/egress/egress.ts";
import { Operator } from "@vextir/operator/operator.ts";
import { pino } from "pino";
import { eventually } from "../../fixtures/eventually.ts";
import { ELECTION, SYSTEM, World } from "./world.ts";

/** What a tenant keeps in its Secret. */
const CANARY = "canary-5e1f0d7c2b";

let world: World;
let folder: string;
const lines: string[] = [];
const log = pino(
  { level: "trace", serializers: { error: pino.stdSerializers.err } },
  { write: (line) => void lines.push(line) },
);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-canary-"));
  world = await World.start({ operator: false, tls: true });
  const { kubeconfig } = world;
  const operator = new Operator({
    configuration: world.configuration(),
    log,
    access: { kubeconfig },
    election: ELECTION,
  });
  world.operator = operator;
  void operator.run();
  await eventually(async () => operator.isLeading, "the operator leads");
  await world.startNats();
});
afterAll(async () => {
  await world?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Every way in which a secret could be written. */
const formsOf = (secret: Buffer) => [
  secret.toString("base64").replaceAll("=", ""),
  secret.toString("base64url"),
  secret.toString("hex"),
  // Text is found as it is, and line by line: a key in PEM may be cut.
  ...(/^[\s!-~]+$/.test(secret.toString("latin1"))
    ? secret
        .toString()
        .split("\n")
        .filter((line) => line.length > 15 && !line.startsWith("-----"))
    : []),
];

/** What anybody may see who may look: all but Secrets. */
async function visibleObjects(): Promise<string> {
  const groups = { "": "/api/v1", ...(await apiGroups()) };
  const answers: string[] = [];
  for (const root of Object.values(groups)) {
    const { body } = await world.api.request("GET", root);
    for (const { name, verbs } of body.resources ?? [])
      if (verbs.includes("list") && name !== "secrets")
        answers.push(JSON.stringify((await world.api.request("GET", `${root}/${name}`)).body));
  }
  return answers.join("\n");
}

async function apiGroups(): Promise<Record<string, string>> {
  const { body } = await world.api.request("GET", "/apis");
  const groups = body.groups as { name: string; preferredVersion: { groupVersion: string } }[];
  return Object.fromEntries(
    groups.map(({ name, preferredVersion }) => [name, `/apis/${preferredVersion.groupVersion}`]),
  );
}

async function probes(port: number): Promise<string> {
  const paths = ["healthz", "readyz", "metrics", "nothing"];
  const texts = paths.map(async (path) => (await fetch(`http://127.0.0.1:${port}/${path}`)).text());
  return (await Promise.all(texts)).join("\n");
}

test("no secret is seen in any object but Secrets, in events, logs, metrics or probes", async () => {
  const namespace = await world.api.namespace();
  const text = { "api-key": Buffer.from(CANARY).toString("base64") };
  await world.api.request("POST", `/api/v1/namespaces/${namespace}/secrets`, {
    metadata: { name: "mine" },
    data: text,
  });
  // A Driver that uses it, one that is refused for how it uses it, one that can't run, and one that comes and goes.
  const secretKeyRef = { name: "mine", key: "api-key" };
  const base = { class: "IO", module: "gateway" };
  await world.apply(namespace, "user", { ...base, configSecretRefs: [{ name: "apiKey", secretKeyRef }] });
  await world.apply(namespace, "misuser", { ...base, env: [{ name: "KEY", valueFrom: { secretKeyRef } }] });
  await world.apply(namespace, "absent", { ...base, module: "nowhere" });
  await world.apply(namespace, "gone", { ...base, capabilities: { allowedHosts: ["a.example"] } });
  await world.waitFor(namespace, "user", "BusAccessReady", "True");
  await world.waitFor(namespace, "misuser", "Accepted", "False", "SecretInEnvironment");
  await world.waitFor(namespace, "absent", "Accepted", "False");
  await world.waitFor(namespace, "gone", "BusAccessReady", "True");

  // Good and bad tokens, on the bus and at the egress proxy.
  const [good, late] = [await world.token(namespace, "user"), await world.token(namespace, "gone")];
  const foreign = await world.api.token({ namespace, name: "driver-user", audiences: ["vextir-hub"] });
  const secrets = await ownSecrets();
  const ca = join(folder, "ca.crt");
  await writeFile(ca, secrets.get("vextir-nats-tls/ca.crt") ?? "");
  await (await world.connectWith(good, ca)).close();
  for (const token of [foreign, `${good.slice(0, -5)}AAAAA`])
    await expect(world.connectWith(token, ca)).rejects.toThrow();
  for (const file of ["tls.crt", "tls.key"])
    await writeFile(join(folder, file), secrets.get(`vextir-egress-tls/${file}`) ?? "");
  const egress = new Egress({
    configuration: readEgressConfiguration({
      ...{ VEXTIR_HEALTH_PORT: "0", VEXTIR_EGRESS_PORT: "0", VEXTIR_EGRESS_TLS_DIR: folder },
    }),
    ...{ log, access: { kubeconfig: world.api.kubeconfig } },
  });
  await egress.start();
  const asked = [late, foreign].map((token) =>
    askProxy(egress.port, token, secrets.get("vextir-nats-tls/ca.crt") ?? Buffer.alloc(0)),
  );
  expect(await Promise.all(asked)).toEqual([403, 407]);
  await world.delete(namespace, "gone");
  await eventually(async () => (await world.driver(namespace, "gone")) === undefined, "a Driver is gone");

  const seen = [
    await visibleObjects(),
    await probes(world.operator?.healthPort ?? 0),
    await probes(egress.healthPort),
    lines.join("\n"),
  ].join("\n");
  await egress.stop(0);

  expect(seen).toContain("SecretInEnvironment");
  expect(seen).toContain("vextir_egress_refusals_total");
  expect(lines.length).toBeGreaterThan(10);
  const canaries: [string, Buffer][] = [
    ...secrets,
    ["the tenant's Secret", Buffer.from(CANARY)],
    // What of a token can't be known without having it.
    ...[good, late, foreign].map((token, i): [string, Buffer] => [
      `token ${i}`,
      Buffer.from(token.split(".")[2] ?? ""),
    ]),
  ];
  const kept = canaries.filter(([name]) => !isPublic(name));
  expect(kept.length).toBeGreaterThanOrEqual(8);
  // What is public is found by the same search.
  const shown = formsOf(secrets.get("vextir-nats-tls/ca.crt") ?? Buffer.alloc(0));
  expect(shown.some((form) => seen.includes(form))).toBe(true);
  // No key that is derived either: a seed of NATS is known by its form.
  expect(seen).not.toMatch(/\bS[ACNOUX][A-Z2-7]{56}\b/);
  const leaks = kept.filter(([, secret]) => formsOf(secret).some((form) => seen.includes(form)));
  expect(leaks.map(([name]) => name)).toEqual([]);
  process.stdout.write(`${kept.length} canaries, ${seen.length} characters looked through, 0 found\n`);
});

/** Certificates are shown to everybody who connects; ids of accounts are their public keys; the rest of nats.conf holds public keys too. */
const isPublic = (name: string) => /\.crt$|^vextir-bus-accounts\/|nats\.conf$/.test(name);

/** Every value of the operator's Secrets, as `<Secret>/<key>`. */
async function ownSecrets(): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  for (const { metadata, data = {} } of await world.list("v1", "secrets", SYSTEM))
    for (const [key, value] of Object.entries<string>(data))
      found.set(`${metadata.name}/${key}`, Buffer.from(value, "base64"));
  return found;
}

async function askProxy(port: number, token: string, ca: Buffer): Promise<number | undefined> {
  const { request } = await import("node:https");
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const headers = { "proxy-authorization": `Basic ${Buffer.from(`driver:${token}`).toString("base64")}` };
  const options = {
    host: "127.0.0.1",
    port,
    servername: "localhost",
    ca,
    method: "CONNECT",
    path: "b.example:443",
    headers,
  };
  request({ ...options, agent: false })
    .once("connect", (response, socket) => {
      socket.destroy();
      resolve(response.statusCode);
    })
    .once("error", reject)
    .end();
  return promise;
}
