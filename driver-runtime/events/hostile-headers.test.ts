import { afterEach, describe, expect, test } from "@jest/globals";
import { MsgHdrsImpl, type NatsConnection } from "@nats-io/nats-core";
import { subjects } from "@vextir/api";
import { eventually } from "../../test/fixtures/eventually.ts";
import { defineDriver, type Event } from "../index.ts";
import { type TestKit, testKit } from "../testing/index.ts";

let kit: TestKit;
afterEach(() => kit.stop());

const EVENT = { "ce-specversion": "1.0", "ce-type": "job.done", "ce-source": "/x" };
const SUBJECT = subjects.event("attacker", 0, "job.done");

/** As a hostile client writes it: nats-server passes on any header name. Answers what the stream says. */
async function store(connection: NatsConnection, id: string, headers: Record<string, string>) {
  const lists = Object.entries({ ...EVENT, "ce-id": id, ...headers }).map(([name, value]) => [name, [value]]);
  const set = MsgHdrsImpl.fromRecord(Object.fromEntries(lists));
  const ack = await connection.request(SUBJECT, "{}", { headers: set, timeout: 5_000 });
  return ack.json<{ seq: number }>().seq;
}

async function start() {
  const handled: string[] = [];
  const observed: Event[] = [];
  kit = await testKit(
    defineDriver({
      name: "victim",
      version: "1.0.0",
      class: "Agent",
      capabilities: { observe: ["job.>"] },
      on: { "job.done": async (event) => void handled.push(event.id) },
      methods: { echo: { handle: async (input) => input } },
      start: async (driver) => void driver.observe("job.>", (event) => void observed.push(event as Event)),
    }),
  );
  return { handled, observed };
}

describe("headers that a hostile driver chose", () => {
  test("malformed ones end neither the subscription nor the observer", async () => {
    const { handled, observed } = await start();
    await store(kit.connection, "poison", { "bad key": "x" });
    await store(kit.connection, "after", {});
    await eventually(
      () => handled.includes("after") && observed.some(({ id }) => id === "after"),
      "the event after it",
    );
    expect({ handled, observed: observed.map(({ id }) => id) }).toEqual({
      handled: ["after"],
      observed: ["after"],
    });
  });

  test("malformed ones end neither calls nor the connection", async () => {
    await start();
    const headers = MsgHdrsImpl.fromRecord({ "bad key": ["x"] });
    const subject = subjects.call("victim", "echo", "attacker");
    await kit.connection.request(subject, '{"n":1}', { headers, timeout: 5_000 });
    expect(await kit.call("echo", { n: 2 })).toEqual({ n: 2 });
  });

  test("an event can't pass for one to come, nor for a live message", async () => {
    const { observed } = await start();
    const first = await store(kit.connection, "first", {
      "Nats-Sequence": "2",
      "Vextir-Live-Id": "2",
      "Nats-Time-Stamp": "2001-01-01T00:00:00Z",
    });
    const second = await store(kit.connection, "second", {});
    await eventually(() => observed.length === 2, "both events");
    expect(observed.map(({ id, sequence }) => ({ id, sequence }))).toEqual([
      { id: "first", sequence: first },
      { id: "second", sequence: second },
    ]);
  });
});
