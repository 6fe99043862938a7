import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { jetstream } from "@nats-io/jetstream";
import { errors, type NatsConnection } from "@nats-io/transport-node";
import { retried } from "../../fixtures/eventually.ts";
import { request, settled, startWorld, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const FORGED = { "ce-specversion": "1.0", "ce-type": "chat.message.sent", "ce-source": "assistant" };

/** A request by the driver's raw client that must find nobody to answer it. */
const refused: { what: string; subject: string; body?: string }[] = [
  { what: "publish as another driver", subject: "evt.assistant.0.chat.message.sent" },
  { what: "publish a type it is not granted", subject: "evt.intruder.0.chat.message.sent" },
  { what: "publish to the observers directly", subject: "pub.assistant.0.chat.message.sent" },
  { what: "write another's dead letters", subject: "dlq.assistant.chat.message.received" },
  { what: "replay to another", subject: "to.assistant.default.gateway.0.chat.message.received" },
  { what: "replay to itself in another's name", subject: "to.intruder.default.assistant.0.intruder.only" },
  {
    what: "pull what is replayed to another",
    subject: "BUS.API.CONSUMER.MSG.NEXT.DIRECTED.assistant_default",
  },
  {
    what: "acknowledge what is replayed to another",
    subject: "$JS.ACK.DIRECTED.assistant_default.1.1.1.1.0",
  },
  {
    what: "tell the operator that another's deliveries ended",
    subject: "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.EVENTS.assistant_default",
  },
  { what: "read its own dead letters", subject: "BUS.API.STREAM.MSG.GET.DEADLETTERS", body: '{"seq":1}' },
  { what: "write another's bucket", subject: "$KV.assistant.secret" },
  { what: "read another's bucket by key", subject: "BUS.API.DIRECT.GET.KV_assistant.$KV.assistant.secret" },
  { what: "read another's bucket", subject: "BUS.API.DIRECT.GET.KV_assistant", body: '{"seq":1}' },
  { what: "read the events' stream", subject: "BUS.API.DIRECT.GET.EVENTS", body: '{"seq":1}' },
  { what: "get a message of a stream", subject: "BUS.API.STREAM.MSG.GET.KV_assistant", body: '{"seq":1}' },
  { what: "pull from another's consumer", subject: "BUS.API.CONSUMER.MSG.NEXT.EVENTS.assistant_default" },
  { what: "look at another's consumer", subject: "BUS.API.CONSUMER.INFO.EVENTS.assistant_default" },
  { what: "acknowledge for another", subject: "$JS.ACK.EVENTS.assistant_default.1.1.1.1.0" },
  { what: "delete another's consumer", subject: "BUS.API.CONSUMER.DELETE.EVENTS.assistant_default" },
  {
    what: "create a consumer",
    subject: "BUS.API.CONSUMER.CREATE.EVENTS.mine",
    body: '{"stream_name":"EVENTS","config":{"name":"mine","ack_policy":"none","deliver_subject":"evt.assistant.0.x"}}',
  },
  {
    what: "create a consumer on its own bucket",
    subject: "BUS.API.CONSUMER.CREATE.KV_intruder.mine",
    body: '{"stream_name":"KV_intruder","config":{"name":"mine","ack_policy":"none","deliver_subject":"evt.assistant.0.x"}}',
  },
  {
    what: "rewrite its own consumer",
    subject: "BUS.API.CONSUMER.DURABLE.CREATE.EVENTS.intruder_default",
    body: '{"stream_name":"EVENTS","config":{"durable_name":"intruder_default","ack_policy":"explicit"}}',
  },
  {
    what: "create a stream",
    subject: "BUS.API.STREAM.CREATE.MINE",
    body: '{"name":"MINE","subjects":["x"]}',
  },
  { what: "delete a stream", subject: "BUS.API.STREAM.DELETE.EVENTS" },
  { what: "purge its own bucket", subject: "BUS.API.STREAM.PURGE.KV_intruder" },
  { what: "call a method it is not granted", subject: "call.assistant.send.intruder" },
  { what: "call as another", subject: "call.assistant.send.friend" },
  { what: "report for another", subject: "report.team.assistant" },
  { what: "change an account", subject: "$SYS.REQ.CLAIMS.UPDATE", body: "x" },
  { what: "ask for the accounts", subject: "$SYS.REQ.CLAIMS.LIST" },
  { what: "answer the auth callout", subject: "$SYS.REQ.USER.AUTH" },
];

describe("with its raw client, a driver cannot", () => {
  test.each(refused)("$what", async ({ subject, body }) => {
    const before = await world.state();
    const failure = await request(world.intruder, subject, body, FORGED).catch((error: Error) => error);
    expect(failure).toBeInstanceOf(errors.RequestError);
    expect((failure as InstanceType<typeof errors.RequestError>).isNoResponders()).toBe(true);
    expect(await world.state()).toEqual(before);
  });

  test("use JetStream of its own", async () => {
    const answer = await request(
      world.intruder,
      "$JS.API.STREAM.CREATE.MINE",
      '{"name":"MINE","subjects":["x"]}',
    );
    expect(JSON.parse(answer)).toMatchObject({ error: { err_code: 10_039 } });
  });

  test("wipe its bucket, or hide from the order of keys, by a header of rollup, schedule or batch", async () => {
    const before = await world.state();
    const fields: Record<string, string>[] = [
      { "Nats-Rollup": "all" },
      { "Nats-Rollup": "sub" },
      { "Nats-Schedule": "@at 2030-01-01T00:00:00Z", "Nats-Schedule-Target": "evt.assistant.0.x" },
      { "Nats-Batch-Id": "b", "Nats-Batch-Sequence": "1", "Nats-Batch-Commit": "1" },
      { "Nats-Incr": "+1" },
    ];
    for (const field of fields) {
      const answer = JSON.parse(await request(world.intruder, "$KV.intruder.k", "v", field));
      expect({ field, answer }).toMatchObject({ field, answer: { error: expect.anything() } });
    }
    expect(await world.state()).toEqual(before);
  });
});

describe("with its raw client, a driver does not see", () => {
  const secrets: { what: string; subscription: string; happens: () => Promise<unknown> }[] = [
    {
      what: "another's inbox",
      subscription: "_INBOX.>",
      happens: () => request(world.friend, "call.assistant.send.friend", "private"),
    },
    {
      what: "events, published or stored",
      subscription: ">",
      happens: () => jetstream(world.assistant).publish("evt.assistant.0.chat.message.sent", "private"),
    },
    {
      what: "changes of another's bucket",
      subscription: "kvw.assistant.>",
      happens: () => request(world.assistant, "$KV.assistant.other", "private"),
    },
    {
      what: "another's live topics",
      subscription: "live.assistant.>",
      happens: async () => world.assistant.publish("live.assistant.tokens", "private"),
    },
    {
      what: "calls of another's methods",
      subscription: "call.>",
      happens: () => request(world.friend, "call.assistant.send.friend", "private"),
    },
  ];

  test.each(secrets)("$what", async ({ subscription, happens }) => {
    const seen: string[] = [];
    const eavesdropping = world.intruder.subscribe(subscription, {
      callback: (_error, message) => {
        if (message?.string().includes("private")) seen.push(message.subject);
      },
    });
    await world.intruder.flush();
    await happens();
    await settled(world);
    expect(seen).toEqual([]);
    eavesdropping.unsubscribe();
  });

  test("the effect of a message trace that is sent to another's subject", async () => {
    const before = await world.state();
    for (const target of [
      "evt.assistant.0.chat.message.sent",
      "$KV.assistant.secret",
      "call.assistant.send.friend",
    ]) {
      await request(world.intruder, "$KV.intruder.traced", "v", { "Nats-Trace-Dest": target });
      await request(world.intruder, "evt.intruder.0.intruder.said", "v", { "Nats-Trace-Dest": target });
    }
    await settled(world);
    expect(await world.state()).toEqual(before);
  });
});

describe("redirected replies stay in the driver's own account", () => {
  const targets = [
    "evt.assistant.0.chat.message.sent",
    "pub.assistant.0.chat.message.sent",
    "$KV.assistant.secret",
    "kvw.assistant.secret",
    "dlq.assistant.chat.message.received",
    "to.assistant.default.gateway.0.chat.message.received",
    "to.intruder.default.assistant.0.intruder.only",
    "call.assistant.send.intruder",
    "call.assistant.send.friend",
    "live.assistant.tokens",
    "report.team.assistant",
    "$JS.API.STREAM.DELETE.DEADLETTERS",
    "BUS.API.STREAM.DELETE.DEADLETTERS",
    "$JS.API.CONSUMER.DELETE.EVENTS.assistant_default",
    "$JS.ACK.EVENTS.assistant_default.1.1.1.1.0",
    "$SYS.REQ.USER.AUTH",
  ];

  const routes: { route: string; send: (intruder: NatsConnection, reply: string) => void }[] = [
    {
      route: "direct get of a value with forged headers",
      send: (intruder, reply) =>
        intruder.publish("BUS.API.DIRECT.GET.KV_intruder.$KV.intruder.forged", "", { reply }),
    },
    {
      route: "direct get of several",
      send: (intruder, reply) =>
        intruder.publish("BUS.API.DIRECT.GET.KV_intruder", '{"multi_last":["$KV.intruder.>"]}', { reply }),
    },
    {
      route: "a pull",
      send: (intruder, reply) =>
        intruder.publish(
          "BUS.API.CONSUMER.MSG.NEXT.EVENTS.intruder_default",
          JSON.stringify({ batch: 1, no_wait: true }),
          { reply },
        ),
    },
    {
      route: "the acknowledgement of an event",
      send: (intruder, reply) => intruder.publish("evt.intruder.0.intruder.said", "x", { reply }),
    },
    {
      route: "the acknowledgement of a value",
      send: (intruder, reply) => intruder.publish("$KV.intruder.mine", "x", { reply }),
    },
    {
      route: "the verdict on a report",
      send: (intruder, reply) => intruder.publish("vextir.report", "{}", { reply }),
    },
  ];

  test.each(routes)("by $route", async ({ send }) => {
    await request(world.intruder, "$KV.intruder.forged", "forged", FORGED);
    const before = await world.state();
    for (const target of targets) send(world.intruder, target);
    await settled(world);
    expect(await world.state()).toEqual(before);
  });

  test("which this test would see: within the bus account they do not", async () => {
    const { connection } = await world.bus.admin();
    const before = await world.state();
    const reply = "evt.assistant.0.chat.message.sent";
    connection.publish("$JS.API.DIRECT.GET.KV_intruder.$KV.intruder.forged", "", { reply });
    await request(connection, "$JS.API.STREAM.INFO.EVENTS");
    await settled(world);
    expect(await world.state()).not.toEqual(before);
    await connection.close();
  });
});

describe("the same by a driver that has the grant", () => {
  test("a call is answered, and the callee knows who calls", async () => {
    world.calls.length = 0;
    expect(await request(world.friend, "call.assistant.send.friend")).toBe("done");
    expect(world.calls).toEqual(["call.assistant.send.friend"]);
  });

  test("events are observed, live topics too", async () => {
    const seen: string[] = [];
    const got = Promise.withResolvers<void>();
    for (const subject of ["pub.*.*.chat.>", "live.assistant.>"])
      world.friend.subscribe(subject, {
        callback: (_error, message) => {
          seen.push(message.subject);
          if (seen.length === 2) got.resolve();
        },
      });
    await world.friend.flush();
    await jetstream(world.assistant).publish("evt.assistant.3.chat.message.sent", "x");
    world.assistant.publish("live.assistant.tokens", "x");
    await got.promise;
    expect(seen.sort()).toEqual(["live.assistant.tokens", "pub.assistant.3.chat.message.sent"]);
  });

  test("an event reaches the consumer, and only once it is acknowledged", async () => {
    await jetstream(world.friend).publish("evt.friend.0.chat.message.received", "hello");
    const consumers = jetstream(world.assistant, { apiPrefix: "BUS.API" }).consumers;
    const consumer = await consumers.get("EVENTS", "assistant_default");
    const message = await consumer.next({ expires: 5_000 });
    expect(message?.string()).toBe("hello");
    expect(await message?.ackAck()).toBe(true);
    await retried(async () => expect((await consumer.info()).num_ack_pending).toBe(0));
  });

  test("a bucket is written, read and watched by its driver", async () => {
    const changes = Promise.withResolvers<string>();
    world.assistant.subscribe("kvw.assistant.>", { max: 1, callback: (_e, m) => changes.resolve(m.subject) });
    await world.assistant.flush();
    await request(world.assistant, "$KV.assistant.note", "kept");
    expect(await request(world.assistant, "BUS.API.DIRECT.GET.KV_assistant.$KV.assistant.note")).toBe("kept");
    expect(await changes.promise).toBe("kvw.assistant.note");
  });
});
