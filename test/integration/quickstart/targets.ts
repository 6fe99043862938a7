import type { TestBus } from "../../fixtures/nats.ts";
import type { Quickstart } from "./system.ts";

/** What everybody but the intruder has on the bus, seen from the bus account. */
export async function targets(quickstart: Quickstart) {
  const { connection, jetstream } = await quickstart.bus.admin();
  try {
    const streams: Record<string, unknown> = {};
    for await (const { config } of jetstream.streams.list()) {
      const { state } = await jetstream.streams.info(config.name, { subjects_filter: ">" });
      const subjects = Object.entries(state.subjects ?? {}).filter(([subject]) => isOthers(subject));
      streams[config.name] = { config, subjects: subjects.sort() };
    }
    const consumers: unknown[] = [];
    for await (const { name, config, delivered, ack_floor } of jetstream.consumers.list("EVENTS"))
      consumers.push(name.startsWith("intruder_") ? { name } : { name, config, delivered, ack_floor });
    const secret = await jetstream.streams.getMessage("KV_gateway", {
      last_by_subj: "$KV.gateway.identity.secret",
    });
    return {
      streams,
      consumers,
      secret: [secret?.seq, secret?.string()],
      accounts: (await quickstart.bus.authority.listDriverAccounts()).map(({ name }) => name).sort(),
      calls: callsServed(await quickstart.process("toolbox").metrics()),
    };
  } finally {
    await connection.close();
  }
}

/**
 * Of its own bucket and its reports it may do what it likes; the demand for it comes from the gateway. What the others handled
 * before they tell of when they get to it.
 */
const isOthers = (subject: string) =>
  subject.split(".")[1] !== "intruder" &&
  !subject.endsWith(".demo.intrusion.requested") &&
  !subject.startsWith("run.");

const callsServed = (metrics: string) =>
  metrics.split("\n").filter((line) => line.startsWith("vextir_driver_calls_served_total{"));

/** Number of events that the assistant is said to have sent. */
export async function sentByAssistant(bus: TestBus): Promise<number> {
  const { connection, jetstream } = await bus.admin();
  try {
    const { state } = await jetstream.streams.info("EVENTS", { subjects_filter: "evt.assistant.>" });
    return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
  } finally {
    await connection.close();
  }
}
