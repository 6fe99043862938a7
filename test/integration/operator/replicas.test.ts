import { get } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Operator } from "@vextir/operator/operator.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { OUTAGE_MS, outage } from "../../fixtures/outage.ts";
import { ELECTION, SYSTEM, World } from "./world.ts";

let world: World;
let namespace: string;
let second: Operator;
let ended: Promise<unknown>;

beforeAll(async () => {
  world = await World.start();
  namespace = await world.api.namespace();
  second = world.newOperator({ pod: "vextir-operator-1" });
  ended = second.run();
});
afterAll(async () => {
  await second?.stop();
  await world?.stop();
});

const gateway = { class: "IO", module: "gateway" };

const answer = (operator: Operator, path: string) =>
  new Promise<{ status: number; body: string }>((resolve, reject) => {
    const request = get({ host: "127.0.0.1", port: operator.healthPort, path }, async (response) => {
      resolve({ status: response.statusCode ?? 0, body: await text(response) });
    });
    request.on("error", reject);
  });

const isReady = async (operator: Operator) => (await answer(operator, "/readyz")).status === 200;

test("a replica that does not lead is ready, and tells who a connection is", async () => {
  await eventually(() => isReady(second), "ready");
  expect(second.isLeading).toBe(false);
  await world.apply(namespace, "gateway", gateway);
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  await eventually(async () => {
    await (await world.connectAs(namespace, "gateway")).close();
    return (await second.metrics.metrics()).includes('vextir_bus_connections_total{outcome="Accepted"}');
  }, "the second is asked too");
});

test("health and metrics are answered, and nothing else", async () => {
  expect(await answer(second, "/healthz")).toEqual({ status: 200, body: "ok\n" });
  expect((await answer(second, "/etc/passwd")).status).toBe(404);
  const { body } = await answer(world.operator as Operator, "/metrics");
  for (const name of [
    "vextir_reconcile_total",
    "vextir_leader 1",
    'vextir_drivers{class="IO"',
    "vextir_bus_online 1",
  ])
    expect(body).toContain(name);
});

test(
  "the API server away: connections go on and new ones are let in by the cluster's keys",
  async () => {
    const token = await world.token(namespace, "gateway");
    const open = await world.connectWith(token);
    await world.api.kill();
    const late = await eventually(() => world.connectWith(token), "let in");
    expect(open.isClosed()).toBe(false);
    await expect(world.connectWith(`${token}x`)).rejects.toMatchObject({ name: "AuthorizationError" });
    await eventually(
      async () => ![world.operator, second].some((operator) => operator?.isLeading),
      "nobody leads",
    );
    await outage();
    await (await world.connectWith(token)).close();
    await world.api.start();
    await eventually(
      async () => [world.operator, second].some((operator) => operator?.isLeading),
      "one leads again",
    );
    await Promise.all([open.close(), late.close()]);
  },
  240_000 + OUTAGE_MS,
);

test("the leader hands over: another goes on where it stopped", async () => {
  const leader = await eventually(
    async () => [world.operator, second].find((operator) => operator?.isLeading),
    "a leader",
  );
  const follower = leader === second ? world.operator : second;
  const began = Date.now();
  await leader?.stop();
  await eventually(async () => follower?.isLeading || undefined, "the other leads");
  // Given away, not run out.
  expect(Date.now() - began).toBeLessThan(ELECTION.renewDeadlineMs);
  await world.apply(namespace, "other", gateway);
  await world.waitFor(namespace, "other", "BusAccessReady", "True");
  await follower?.stop();
  await ended.catch(() => {});
});

test("what the leader made is what every later one finds", async () => {
  const before = await world.get("v1", "secrets", SYSTEM, "vextir-nats");
  await world.startOperator();
  await eventually(() => isReady(world.operator as Operator), "ready");
  const after = await world.get("v1", "secrets", SYSTEM, "vextir-nats");
  expect(after.data).toEqual(before.data);
  const config = Buffer.from(after.data["nats.conf"], "base64").toString();
  expect(config).toContain('cert_file: "/etc/nats/tls.crt"');
  expect(config).toContain("server_name: $POD_NAME");
});
