import { eventually } from "../../fixtures/eventually.ts";
import { Clients, SOURCE } from "./clients.ts";
import { PARTS, type Part, type ProberWorld } from "./world.ts";

export interface Probe {
  /** Events that the gateway accepted, each of them distinct. */
  in: number;
  /** Of these, on the bus. */
  stored: number;
  /** Of these, told of by the driver that handles them, by what the ledger has. */
  handled: number;
  /** Of these, in the ledger. */
  recorded: number;
  /** Rows of the ledger beyond one per event. */
  recordedTwice: number;
  /** Events of the driver on the bus, and in the ledger. */
  done: { stored: number; recorded: number };
  deadLetters: number;
  kills: Part[];
  clients: Pick<Clients, "failed" | "repeated" | "recognised" | "known">;
  /** Deliveries beyond one per event: what the driver and the ledger had to know again. */
  redelivered: { counter: number; ledger: number };
  seconds: number;
}

export interface ProbeOptions {
  events: number;
  /** How often each part is killed. */
  rounds: number;
  /** Time for the last of them to be recorded. */
  patienceMs: number;
}

/** Sends events while everything that they go through is killed in turn, and counts what became of them. */
export async function probe(world: ProberWorld, options: ProbeOptions): Promise<Probe> {
  const { events, rounds, patienceMs } = options;
  const began = performance.now();
  const clients = new Clients(events, () => world.url);
  const running = clients.run();
  const kills = Array.from({ length: rounds }, () => PARTS).flat();
  for (const [place, part] of kills.entries()) {
    const due = (events * (place + 1)) / (kills.length + 2);
    await eventually(() => clients.accepted >= due, `${due} accepted`, patienceMs);
    await world.crash(part);
  }
  await running;
  const { ledger } = world;
  const rows = (type: string) => ledger.count(`events where type = '${type}'`);
  await eventually(async () => (await rows("probe.sent")) >= events, "all recorded", patienceMs);
  await eventually(async () => (await handledEvents(world)) >= events, "all handled", patienceMs);
  const seconds = (performance.now() - began) / 1e3;
  const { failed, repeated, recognised, known } = clients;
  return {
    in: clients.accepted,
    handled: await handledEvents(world),
    recorded: await ledger.count(`(select distinct id from events where source = '${SOURCE}') e`),
    recordedTwice: (await ledger.count("events e where e.type like 'probe.%'")) - (await distinctRows(world)),
    ...(await onTheBus(world, await rows("probe.done"))),
    kills,
    clients: { failed, repeated, recognised, known },
    seconds,
  };
}

/** Events that the driver told of, as their effects. */
const handledEvents = ({ ledger }: ProberWorld) =>
  ledger.count(
    `(select distinct s.id from events d join events s on s.id = d.causation
      where d.type = 'probe.done' and d.publisher = 'counter' and s.source = '${SOURCE}') e`,
  );

const distinctRows = ({ ledger }: ProberWorld) =>
  ledger.count("(select distinct publisher, source, id from events where type like 'probe.%') e");

/** By the server's own count. */
async function onTheBus({ ledger }: ProberWorld, recordedDone: number) {
  const { connection, jetstream } = await ledger.bus.admin();
  try {
    const stored = async (type: string) => {
      const { state } = await jetstream.streams.info("EVENTS", { subjects_filter: `evt.*.*.${type}` });
      return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
    };
    const redelivered = async (consumer: string) => {
      const { delivered } = await jetstream.consumers.info("EVENTS", consumer);
      return delivered.consumer_seq;
    };
    const [sent, done] = [await stored("probe.sent"), await stored("probe.done")];
    return {
      stored: sent,
      done: { stored: done, recorded: recordedDone },
      deadLetters: (await jetstream.streams.info("DEADLETTERS")).state.messages,
      redelivered: {
        counter: (await redelivered("counter_default")) - sent,
        ledger: (await redelivered("ledger_default")) - sent - done,
      },
    };
  } finally {
    await connection.close();
  }
}
