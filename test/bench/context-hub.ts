/** The context hub's storage on a real PostgreSQL: batches and searches against bare SQL of the same run, and what bounds cost. */
import { create } from "@bufbuild/protobuf";
import { type Scope, scopeOf, VERBS } from "@vextir/context-hub/access/grants.ts";
import { openHubDatabase } from "@vextir/context-hub/database/open.ts";
import { conditionOf } from "@vextir/context-hub/documents/condition.ts";
import { draftOf } from "@vextir/context-hub/documents/draft.ts";
import { Store } from "@vextir/context-hub/documents/store.ts";
import { exported } from "@vextir/context-hub/documents/transfer.ts";
import { Writing } from "@vextir/context-hub/documents/writing.ts";
import { embedBatch } from "@vextir/context-hub/models/embedding-queue.ts";
import type { EmbeddingModel } from "@vextir/context-hub/models/provider.ts";
import { hubSchema } from "@vextir/context-hub/schema/migrate.ts";
import { type Asked, Search } from "@vextir/context-hub/search/search.ts";
import { searchVectors, vectorText } from "@vextir/context-hub/search/vectors.ts";
import { type Database, migrate } from "@vextir/database";
import { DocumentInputSchema } from "@vextir/proto/contexthub/v1/documents_pb.js";
import { PostgresProcess } from "../fixtures/postgres.ts";
import { randomness } from "../fixtures/randomness.ts";
import { quantile, type Row } from "./statistics.ts";

/** Documents. The issue of scale is a million: `VEXTIR_BENCH_DOCUMENTS`. */
const DOCUMENTS = Number(process.env["VEXTIR_BENCH_DOCUMENTS"] ?? 20_000);
const VECTORS = Number(process.env["VEXTIR_BENCH_VECTORS"] ?? 2_000);
const BATCH = 200;
const QUERIES = 200;
const VOCABULARY = 20_000;
const WORDS = 80;
const DIMENSIONS = 64;
const CALLER = { tenant: "bench", driver: "bench", uid: "", user: "" };
const SCOPE: Scope = scopeOf("bench", "", [{ collection: "bench", verbs: VERBS, users: "All" }], "read");
const BROAD = ["ba", "be", "bi"];

const random = randomness(7);
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;

/** Of syllables, the more frequent the earlier (Zipf), as in a language. */
const syllables = [..."bdfgklmnprstvz"].flatMap((c) => [..."aeiou"].map((v) => c + v));
const vocabulary = Array.from({ length: VOCABULARY }, (_, i) => {
  let word = "";
  for (let n = i + 1; n > 0; n = Math.floor(n / syllables.length)) word += syllables[n % syllables.length];
  return `${word}${"nst"[i % 3]}`;
});
const word = () => vocabulary[Math.floor(VOCABULARY ** random()) - 1] as string;
const text = () => `${Array.from({ length: WORDS }, word).join(" ")} ${pick(BROAD)}x`;

export async function contextHubRows(): Promise<Row[]> {
  const server = await PostgresProcess.start({ vector: true });
  const { url, password } = server;
  const database = await openHubDatabase("hub", { url, password, connections: 4, onIdleError: () => {} });
  try {
    await migrate(database, hubSchema("hub"));
    const store = new Store(database, "hub");
    const written = await writeRows(database, store);
    const found = await searchRows(database, store);
    return [written, ...found, await exportRow(store), await vectorRow(database, store)];
  } finally {
    await database.close();
    await server.remove();
  }
}

async function writeRows(database: Database, store: Store): Promise<Row> {
  const contents = Array.from({ length: DOCUMENTS }, text);
  await database.execute(
    `create table hub.bare (id uuid primary key, title text, content text, search tsvector);
     create index on hub.bare using gin (search)`,
  );
  const bare = await perSecond(contents, (batch) =>
    database.query(
      `insert into bare select gen_random_uuid(), '', t, to_tsvector('simple', t) from json_array_elements_text($1::json) as t`,
      [JSON.stringify(batch)],
    ),
  );
  const writing = new Writing(store);
  const drafts = (batch: readonly string[]) =>
    batch.map((content) =>
      draftOf(create(DocumentInputSchema, { collection: "bench", user: "u", content }), "u"),
    );
  const hub = await perSecond(contents, (batch) => writing.create(CALLER, SCOPE, drafts(batch)));
  for (const table of ["chunks", "documents", "bare"]) await database.execute(`vacuum analyze hub.${table}`);
  return {
    what: `documents created, batches of ${BATCH}`,
    baseline: `${Math.round(bare)}/s, one table with a full text index`,
    measured: `${Math.round(hub)}/s`,
    compared: `${((100 * hub) / bare).toFixed(0)} %`,
    aim: ">= 70 %",
  };
}

async function perSecond(
  contents: readonly string[],
  write: (batch: readonly string[]) => Promise<unknown>,
): Promise<number> {
  const began = performance.now();
  for (let from = 0; from < contents.length; from += BATCH) await write(contents.slice(from, from + BATCH));
  return contents.length / ((performance.now() - began) / 1e3);
}

const asked = (query: string): Asked => ({
  ...{
    query,
    condition: conditionOf(undefined),
    mode: "Text",
    limit: 10,
    highlights: false,
    language: "",
    anyWord: false,
  },
  weights: { collections: {}, recency: { halfLifeMs: 1, weight: 0 }, nowMs: 0 },
  signal: new AbortController().signal,
});

const rawSearch = (database: Database, query: string) =>
  database.query<{ id: string }>(
    `select id, content from bare, websearch_to_tsquery('simple', $1) q where search @@ q
     order by ts_rank_cd(search, q) desc limit 10`,
    [query],
  );

async function searchRows(database: Database, store: Store): Promise<Row[]> {
  const search = new Search(store);
  const twoWords = Array.from({ length: QUERIES }, () => `${word()} ${word()}`);
  const broad = Array.from({ length: QUERIES / 10 }, () => `${pick(BROAD)}x`);
  const rows: Row[] = [];
  for (const [what, queries, aim] of [
    ["two words", twoWords, "p99 <= 1.2 x"],
    [`a word of a third of all documents`, broad, "bounded"],
  ] as const) {
    const raw: number[] = [];
    const hub: number[] = [];
    for (const query of queries) {
      raw.push(await timed(() => rawSearch(database, query)));
      hub.push(await timed(() => search.search(SCOPE, asked(query))));
    }
    const [rawP99, hubP99] = [quantile(raw, 0.99), quantile(hub, 0.99)];
    rows.push({
      what: `search of ${DOCUMENTS} documents, ${what}`,
      baseline: `p50 ${quantile(raw, 0.5).toFixed(1)} ms, p99 ${rawP99.toFixed(1)} ms, bare SQL`,
      measured: `p50 ${quantile(hub, 0.5).toFixed(1)} ms, p99 ${hubP99.toFixed(1)} ms`,
      compared: `${(hubP99 / rawP99).toFixed(2)} x`,
      aim,
    });
  }
  return rows;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function exportRow(store: Store): Promise<Row> {
  const used = () => process.memoryUsage.rss() / 2 ** 20;
  globalThis.gc?.();
  const before = used();
  let [count, most] = [0, 0];
  for await (const _ of exported(store, SCOPE, "u")) if (++count % 1_000 === 0) most = Math.max(most, used());
  return {
    what: `memory while ${count} documents are exported`,
    baseline: `${before.toFixed(0)} MiB before`,
    measured: `${most.toFixed(0)} MiB at most`,
    compared: `${(most - before).toFixed(0)} MiB more`,
    aim: "flat",
  };
}

/** Vectors around centres, as texts about something are. */
async function vectorRow(database: Database, store: Store): Promise<Row> {
  const centres = Array.from({ length: 50 }, () => Array.from({ length: DIMENSIONS }, () => random() - 0.5));
  const near = () => pick(centres).map((value) => value + (random() - 0.5) * 0.6);
  const model: EmbeddingModel = {
    model: "bench",
    dimensions: DIMENSIONS,
    embed: async (texts) => texts.map(near),
  };
  const { signal } = new AbortController();
  for (let done = 0; done < VECTORS; )
    done += await embedBatch({ database, schema: store.schema, model, signal });
  let hits = 0;
  for (let i = 0; i < 50; i++) {
    const vector = near();
    const exact = await database.query<{ id: string }>(
      `select id::text from chunks where tenant = 'bench' and model = 'bench' order by embedding <=> $1::vector, id limit 10`,
      [vectorText(vector)],
    );
    const found = await searchVectors(database, {
      scope: SCOPE,
      condition: conditionOf(undefined),
      vector,
      kind: model,
    });
    const ids = new Set(found.slice(0, 10).map(({ id }) => id));
    hits += exact.filter(({ id }) => ids.has(id)).length;
  }
  return {
    what: `recall@10 of ${VECTORS} vectors (generated, ${DIMENSIONS} dimensions)`,
    baseline: "an exact scan",
    measured: (hits / 500).toFixed(3),
    compared: "",
    aim: ">= 0.95",
  };
}
