/** The ledger's storage on a real PostgreSQL: batches against the same rows by one bare INSERT each batch, and a wide lineage. */
import { migrate } from "@vextir/database";
import { openLedgerDatabase } from "@vextir/driver-ledger/database/open.ts";
import { lineageOf } from "@vextir/driver-ledger/reading/lineage.ts";
import { LineageInput } from "@vextir/driver-ledger/reading/schemas.ts";
import { eventRow } from "@vextir/driver-ledger/recording/event-row.ts";
import { Writer } from "@vextir/driver-ledger/recording/writer.ts";
import { ledgerSchema } from "@vextir/driver-ledger/schema/migrate.ts";
import { Partitions } from "@vextir/driver-ledger/schema/partitions.ts";
import type { Event } from "@vextir/driver-runtime";
import { PostgresProcess } from "../fixtures/postgres.ts";
import { quantile, type Row } from "./statistics.ts";

const ROWS = 20_480;
/** As many as are in hand at once. */
const BATCH = 256;
const TREE = 1_000;
const LINEAGES = 50;

export async function ledgerRows(): Promise<Row[]> {
  const server = await PostgresProcess.start();
  const { url, password } = server;
  const schema = "bench";
  const database = await openLedgerDatabase(schema, { url, password, connections: 4, onIdleError: () => {} });
  try {
    await migrate(database, ledgerSchema(schema));
    await database.execute("create table bare (id text, data jsonb)");
    const writer = new Writer({ database, schema, partitions: new Partitions(schema, 90 * 86_400_000) });
    const bare = await perSecond((events) =>
      database.query(
        "insert into bare select id, data from json_to_recordset($1::json) as b(id text, data jsonb)",
        [JSON.stringify(events)],
      ),
    );
    const recorded = await perSecond((events) =>
      writer.events(events.map((one) => eventRow(one, Date.now()))),
    );
    await writer.events(tree().map((one) => eventRow(one, Date.now())));
    await database.execute("analyze");
    const times: number[] = [];
    for (let i = 0; i < LINEAGES; i++) {
      const began = performance.now();
      const { events } = await lineageOf(database, LineageInput.parse({ id: "tree-0" }));
      times.push(performance.now() - began);
      if (events.length !== TREE)
        throw new Error(`the lineage has ${events.length} events, expected ${TREE}`);
    }
    const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
    return [
      {
        what: `events recorded, batches of ${BATCH}`,
        baseline: `${Math.round(bare)}/s, one table without index`,
        measured: `${Math.round(recorded)}/s`,
        compared: `${((100 * recorded) / bare).toFixed(0)} %`,
        aim: "the gateway's rate",
      },
      {
        what: `lineage of a tree of ${TREE} events`,
        baseline: "",
        measured: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
        compared: "",
        aim: "p50 <= 50 ms",
      },
    ];
  } finally {
    await database.close();
    await server.remove();
  }
}

async function perSecond(write: (events: Event[]) => Promise<unknown>): Promise<number> {
  const began = performance.now();
  for (let from = 0; from < ROWS; from += BATCH)
    await write(Array.from({ length: BATCH }, (_, i) => event(`flat-${from + i}`)));
  return ROWS / ((performance.now() - began) / 1e3);
}

/** Ten children each, so three levels. */
const tree = () =>
  Array.from({ length: TREE }, (_, i) =>
    event(
      `tree-${i}`,
      i === 0 ? {} : { causationId: `tree-${Math.floor((i - 1) / 10)}`, correlationId: "tree-0" },
    ),
  );

const event = (id: string, more: Partial<Event> = {}): Event => ({
  id,
  type: "bench.event",
  publisher: "gateway",
  source: "/bench",
  time: "2026-01-01T00:00:00Z",
  data: { text: `the data of ${id}` },
  correlationId: id,
  hops: 0,
  extensions: {},
  partition: 0,
  sequence: 1,
  ...more,
});
