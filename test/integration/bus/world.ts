import { jetstream } from "@nats-io/jetstream";
import { headers, type NatsConnection, type Payload } from "@nats-io/transport-node";
import { type DriverAccess, startReportListener } from "@vextir/operator/bus/index.ts";
import { startBus, type TestBus } from "../../fixtures/nats.ts";

/**
 * A tenant with a victim (`assistant`: publishes, consumes, keeps state, offers a method), a driver that is granted what
 * the attacks are about (`friend`), and one that is granted almost nothing (`intruder`).
 */
export interface World {
  bus: TestBus;
  intruder: NatsConnection;
  friend: NatsConnection;
  assistant: NatsConnection;
  /** Subjects of the calls that the assistant got. */
  calls: string[];
  /** What the assistant heard of its bucket, and the friend of events and live topics. */
  heard: string[];
  /** What everybody but the intruder has on the bus. */
  state(): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

const INTRUDER = {
  subscriptions: [{ types: ["intruder.only"] }],
  capabilities: { publish: ["intruder.said"], state: true },
};

export async function startWorld(): Promise<World> {
  const bus = await startBus();
  const assistant = await bus.driver("assistant", {
    subscriptions: [{ types: ["chat.message.received"] }],
    capabilities: { publish: ["chat.message.sent"], state: true },
  });
  const intruder = await bus.driver("intruder", INTRUDER);
  const friend = await bus.driver("friend", {
    capabilities: {
      call: ["assistant.send"],
      observe: ["chat.>", "live.assistant.>"],
      publish: ["chat.message.received"],
    },
  });
  const connections = await Promise.all([bus.connect(intruder), bus.connect(friend), bus.connect(assistant)]);
  const [intruding, befriended, victim] = connections;
  const calls: string[] = [];
  victim.subscribe("call.assistant.*.*", {
    callback: (error, message) => {
      if (error) return;
      calls.push(message.subject);
      message.respond("done");
    },
  });
  await request(victim, "$KV.assistant.secret", "42");
  const heard: string[] = [];
  for (const [connection, subject] of [
    [victim, "kvw.assistant.>"],
    [befriended, "live.assistant.>"],
    [befriended, "pub.*.*.chat.>"],
  ] as const)
    connection.subscribe(subject, {
      callback: (error, message) => void (error ?? heard.push(message.subject)),
    });
  await Promise.all([victim.flush(), befriended.flush()]);
  const admin = await bus.admin();
  const reports = startReportListener({
    servers: [bus.url],
    realm: bus.realm,
    onReport: async () => ({ accepted: true, reason: "Accepted", message: "" }),
    log: { info: () => {}, warn: () => {} },
  });
  await reports.ready();
  return {
    bus,
    intruder: intruding,
    friend: befriended,
    assistant: victim,
    calls,
    heard,
    state: async () => {
      const streams: Record<string, unknown> = {};
      for await (const { config, state } of admin.jetstream.streams.list()) {
        const { subjects } = (await admin.jetstream.streams.info(config.name, { subjects_filter: ">" }))
          .state;
        const others = Object.entries(subjects ?? {}).filter(
          ([subject]) => subject.split(".")[1] !== "intruder",
        );
        // Its own bucket and events it may change; of the others', a value that is overwritten shows in the sequence.
        const last = ["KV_intruder", "EVENTS"].includes(config.name) ? "its own" : state.last_seq;
        streams[config.name] = { config, last, messages: Object.fromEntries(others) };
      }
      const consumers = [];
      for (const stream of ["EVENTS", "DIRECTED"])
        for await (const { name, config, delivered, ack_floor } of admin.jetstream.consumers.list(stream))
          consumers.push(name.startsWith("intruder_") ? { config } : { config, delivered, ack_floor });
      return { streams, consumers, calls: [...calls], heard: [...heard], accounts: await accountsOf(bus) };
    },
    stop: async () => {
      await reports.stop();
      await Promise.all([...connections, admin.connection].map((connection) => connection.close()));
      await bus.stop();
    },
  };
}

const accountsOf = async (bus: TestBus) =>
  (await bus.authority.listDriverAccounts()).map(({ name }: Pick<DriverAccess, "name">) => name).sort();

/** The answer's text. Throws what the client throws: no responder, or no answer in time. */
export async function request(
  connection: NatsConnection,
  subject: string,
  body: Payload = "",
  fields: Record<string, string> = {},
): Promise<string> {
  const sent = headers();
  for (const [field, value] of Object.entries(fields)) sent.set(field, value);
  return (await connection.request(subject, body, { timeout: 1_500, headers: sent })).string();
}

/** Everything that the connection sent before has arrived, and what the server did about it is done. */
export async function settled(world: World): Promise<void> {
  await world.intruder.flush();
  // A request by each of the routes that were used, after them on the same connection, is answered after them.
  await request(world.intruder, "$KV.intruder.settled", "1");
  await jetstream(world.intruder).publish("evt.intruder.0.intruder.said");
  await Promise.all([world.assistant.flush(), world.friend.flush()]);
}
