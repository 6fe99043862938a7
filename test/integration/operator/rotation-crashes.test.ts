import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { connect, type NatsConnection, tokenAuthenticator } from "@nats-io/transport-node";
import { PHASES } from "@vextir/operator/bus/index.ts";
import type { KeyRotations, RotationRequest } from "@vextir/operator/keys/index.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { OperatorProcess } from "./operator-process.ts";
import { openRotations } from "./rotating.ts";
import { World } from "./world.ts";

let world: World;
let operator: OperatorProcess;
let opened: Awaited<ReturnType<typeof openRotations>>;
let rotations: KeyRotations;
let namespace: string;
let open: NatsConnection;

beforeAll(async () => {
  world = await World.start({ operator: false });
  operator = await OperatorProcess.start(world);
  await world.startNats();
  opened = await openRotations(world);
  ({ rotations } = opened);
  namespace = await world.api.namespace();
  const capabilities = { publish: ["chat.message.received"] };
  await world.apply(namespace, "gateway", { class: "IO", module: "gateway", capabilities });
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  const token = await world.token(namespace, "gateway");
  open = await connect({
    servers: world.busUrl,
    authenticator: tokenAuthenticator(token),
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 100,
  });
});
afterAll(async () => {
  await open?.close();
  await operator?.stop();
  await opened?.close();
  await world?.stop();
});

const publish = () => open.request("evt.gateway.0.chat.message.received", "x", { timeout: 10_000 });

/** Kills the leader once in each phase, at some moment of it, and lets another one lead. */
async function withCrashes(request: RotationRequest): Promise<string[]> {
  const id = await rotations.begin(request);
  const killedIn: string[] = [];
  await eventually(async () => {
    const { rotation, last } = await rotations.status();
    if (!rotation) return last?.id === id && last.outcome === "Done";
    if (killedIn.includes(rotation.phase)) return false;
    killedIn.push(rotation.phase);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 50));
    await operator.crash();
    operator.start();
    return false;
  }, "the rotation ends");
  return killedIn;
}

test.each([
  { request: () => ({ kind: "tenant", namespace }) as const },
  { request: () => ({ kind: "master" }) as const },
])("killed in every phase, a rotation goes on where it was: $request", async ({ request }) => {
  const killedIn = await withCrashes(request());
  process.stdout.write(`killed in ${killedIn.join(", ")}\n`);
  expect(killedIn).toContain(PHASES[1]);
  await eventually(publish, "publishes");
  const token = await world.token(namespace, "gateway");
  await eventually(async () => {
    await (await world.connectWith(token)).close();
    return true;
  }, "lets in");
  // What a leader makes now is taken, by servers that were not restarted and by those that were.
  const name = `after-${request().kind}`;
  await world.apply(namespace, name, { class: "IO", module: "gateway" });
  await world.waitFor(namespace, name, "BusAccessReady", "True");
  await world.restartNats();
  await eventually(publish, "publishes again");
});
