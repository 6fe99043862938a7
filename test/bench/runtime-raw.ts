// The baseline: the raw `@nats-io/jetstream` client in the bus account itself, with the same payload, ids and acknowledgements.
import { randomUUID } from "node:crypto";
import { jetstream } from "@nats-io/jetstream";
import { connect, headers, jwtAuthenticator } from "@nats-io/transport-node";
import { Load, PAYLOAD } from "./load.ts";

const { BENCH_URL: url, BENCH_JWT: jwt = "", BENCH_SEED: seed = "", BENCH_CONSUMER: name = "" } = process.env;
const connection = await connect({
  servers: url as string,
  authenticator: jwtAuthenticator(jwt, new TextEncoder().encode(seed)),
});
const js = jetstream(connection);
const load = new Load();
let handled = 0;
let published = 0;

const consumer = await js.consumers.get("EVENTS", name);
const messages = await consumer.consume({ max_messages: 256 });
void (async () => {
  for await (const message of messages) {
    JSON.parse(message.string());
    load.handled(message.headers?.get("ce-source") ?? "");
    message.ack();
    handled++;
  }
})();

const round = await load.measure({
  publish: (id) => {
    published++;
    const head = headers();
    head.set("ce-specversion", "1.0");
    head.set("ce-id", randomUUID());
    head.set("ce-type", "bench.event");
    head.set("ce-source", id);
    return js.publish(`evt.bench.${published % 64}.bench.event`, JSON.stringify(PAYLOAD), {
      msgID: randomUUID(),
      headers: head,
    });
  },
  settled: async () => {
    while (handled < published) await new Promise((resolve) => setTimeout(resolve, 2));
  },
});
process.stdout.write(`\nROUND ${JSON.stringify(round)}\n`);
await messages.close();
await connection.close();
