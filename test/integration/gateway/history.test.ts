import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { headers } from "@nats-io/transport-node";
import { EventSource } from "@vextir/driver-gateway/testing/event-source.ts";
import { DriverProcess, type ProcessInput } from "../../fixtures/driver-process.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { NAMESPACE } from "../../fixtures/nats.ts";
import { LedgerWorld, publishSafely } from "../ledger/world.ts";

const GATEWAY: ProcessInput = {
  name: "gateway",
  class: "IO",
  module: "gateway",
  ports: ["http"],
  config: {
    auth: { anonymous: { publish: [">"], read: [">"] } },
    observe: ["note.>"],
    history: true,
    duplicateWindow: "1s",
    drivers: ["thermostat"],
  },
  capabilities: {
    publish: [">"],
    observe: ["note.>"],
    call: ["ledger.*", "thermostat._about"],
    state: true,
  },
};

/** Registers a type of its own. */
const THERMOSTAT: ProcessInput = {
  name: "thermostat",
  source: `
    import { defineDriver } from "@vextir/driver-runtime";
    import { z } from "zod";
    export default defineDriver({
      name: "thermostat", version: "1.0.0", class: "Agent",
      events: { "room.heated": z.object({ celsius: z.number() }) },
    });`,
  capabilities: { publish: ["room.heated"] },
};

let world: LedgerWorld;
let gateway: DriverProcess;
let thermostat: DriverProcess;
let url: string;

async function startGateway(): Promise<void> {
  gateway = await DriverProcess.start(world.bus, GATEWAY);
  await gateway.ready();
  url = `http://127.0.0.1:${gateway.ports.get("http")}/api`;
}

beforeAll(async () => {
  world = await LedgerWorld.start();
  await world.bus.tenant(NAMESPACE, { duplicateWindow: "1s" });
  // Before the gateway: what it may call is given to it as it is made.
  thermostat = await DriverProcess.start(world.bus, THERMOSTAT);
  const ledger = await world.startLedger();
  await Promise.all([thermostat.ready(), ledger.ready(60_000), startGateway()]);
});
afterAll(async () => {
  await thermostat?.stop("SIGKILL");
  await gateway?.stop("SIGKILL");
  await world?.stop();
});

async function post(body: object, type = "application/cloudevents+json") {
  const response = await fetch(`${url}/events`, {
    method: "POST",
    headers: { "content-type": type },
    body: JSON.stringify(body),
  });
  return (await response.json()) as {
    id: string;
    correlationid: string;
    duplicate?: true;
    status?: number;
    field?: string;
  };
}
const note = (id: string) => ({ specversion: "1.0", id, source: "/me", type: "note.taken", data: { id } });

const get = async <T>(path: string, accept = "application/json"): Promise<T> => {
  const response = await fetch(`${url}/${path}`, { headers: { accept } });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
};

const recorded = (id: string) =>
  eventually(async () => (await world.count(`events where id = '${id}'`)) === 1);

/** Until the bus has forgotten what it stored before this was called. */
async function windowPassed(): Promise<void> {
  const connection = await world.bus.connect({ name: "gateway" });
  const set = headers();
  set.set("Nats-Msg-Id", randomUUID());
  const ask = async () => {
    const ack = await connection.request("evt.gateway.0.window.passed", "", {
      headers: set,
      timeout: 10_000,
    });
    return ack.json<{ duplicate?: boolean }>().duplicate !== true;
  };
  await ask();
  await eventually(ask);
  await connection.close();
}

test("an event that is sent again is known: by the bus in its window, by the ledger beyond", async () => {
  const first = await post(note("again"));
  expect(first).not.toHaveProperty("duplicate");
  expect(await post(note("again"))).toEqual({ ...first, duplicate: true });
  await recorded("again");
  await windowPassed();
  expect(await post(note("again"))).toEqual({ ...first, duplicate: true });
  const { connection, jetstream } = await world.bus.admin();
  const { state } = await jetstream.streams.info("EVENTS", { subjects_filter: "evt.gateway.*.note.taken" });
  expect(Object.values(state.subjects ?? {})).toEqual([1]);
  await connection.close();
});

test("what an older client wrote it reads again, with all that has become of it", async () => {
  const older = {
    id: "older-1",
    timestamp: "2025-03-01 08:00:00.5",
    source: "Gmail Connector",
    type: "note.written",
    user_id: null,
    metadata: { text: "grüße", nested: [1, { deep: null }] },
    history: [{ step: 1 }],
    priority: "high",
  };
  await post(older, "application/json");
  await recorded("older-1");
  const { event } = await get<{ event: object }>("events/older-1", "application/vnd.vextir.event+json");
  expect(event).toEqual({
    ...older,
    cloudevent: expect.objectContaining({ publisher: "gateway", correlationid: expect.any(String) }),
  });
  const [page] = await get<object[]>("events?types=note.written", "application/cloudevents-batch+json");
  expect(page).toMatchObject({ specversion: "1.0", id: "older-1", type: "note.written" });
});

test("a stream goes on where it was, from the ledger, whichever gateway it comes back to", async () => {
  const stream = await EventSource.open(`${url}/stream?types=note.streamed`);
  await stream.take(1);
  await post({ ...note("s-0"), type: "note.streamed" });
  const [seen] = await stream.take(1);
  expect(seen?.data["id"]).toBe("s-0");
  await gateway.stop("SIGKILL");
  await stream.close().catch(() => {});
  const connection = await world.bus.connect({ name: "gateway" });
  const missed = Array.from({ length: 300 }, (_, i) => `s-${i + 1}`);
  for (const id of missed) await publishSafely(connection, { id, type: "note.streamed" });
  await connection.close();
  await startGateway();
  const resumed = await EventSource.open(`${url}/stream?types=note.streamed`, {
    "last-event-id": seen?.id ?? "",
  });
  const frames = await resumed.take(2 + missed.length);
  expect(frames.slice(0, 2).map(({ event, data }) => [event, data["from"]])).toEqual([
    ["ready", undefined],
    ["resumed", "Ledger"],
  ]);
  expect(frames.slice(2).map(({ data }) => data["id"])).toEqual(missed);
  await post({ ...note("s-new"), type: "note.streamed" });
  expect((await resumed.take(1)).map(({ data }) => data["id"])).toEqual(["s-new"]);
  await resumed.close();
});

test("data of a type that a driver registered in its manifest must be what its schema says", async () => {
  const heated = (celsius: unknown) => ({ ...note(randomUUID()), type: "room.heated", data: { celsius } });
  const refusal = await eventually(async () => {
    const answer = await post(heated("warm"));
    return answer.status === 400 && answer;
  });
  expect(refusal).toMatchObject({ type: "urn:vextir:problem:InvalidData", field: "data.celsius" });
  expect(await post(heated(20))).toMatchObject({ correlationid: expect.any(String) });
});

test("the health of the system: each part with its latency; without a ledger it is degraded, and says which part", async () => {
  const ok = { status: "ok", latencyMs: expect.any(Number) };
  expect(await get("health")).toEqual({ status: "ok", bus: ok, drivers: { ledger: ok, thermostat: ok } });
  await world.ledger?.stop("SIGKILL");
  const answer = await eventually(async () => {
    const response = await fetch(`${url}/health`);
    return (
      response.status === 503 && { retry: response.headers.get("retry-after"), body: await response.json() }
    );
  });
  expect(answer).toEqual({
    retry: expect.any(String),
    body: { status: "degraded", bus: ok, drivers: { ledger: { status: "away" }, thermostat: ok } },
  });
  // Events are taken all the same.
  expect(await post(note("without-ledger"))).toMatchObject({ id: "without-ledger" });
});
