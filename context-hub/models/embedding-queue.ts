import { setTimeout as delay } from "node:timers/promises";
import { type Database, exclusively } from "@vextir/database";
import { vectorText } from "../search/vectors.ts";
import type { EmbeddingModel } from "./provider.ts";

/** Texts in one question to the provider. */
const BATCH = 64;
const RENEWED = 1_000;
const IDLE_MS = 1_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

export interface EmbeddingQueueParts {
  database: Database;
  schema: string;
  model: EmbeddingModel;
  signal: AbortSignal;
  trouble(error: unknown): void;
}

/**
 * Gives parts of documents their vectors. The queue is the table itself: what has no vector of this model waits for one, so it
 * survives restarts, and another model makes everything wait again. Several replicas may work: each part is locked by one of them.
 */
export async function embedForever(parts: EmbeddingQueueParts): Promise<void> {
  const { database, model, signal, trouble } = parts;
  let renewed = false;
  for (let failures = 0; !signal.aborted; ) {
    try {
      if (!renewed) await forgetOthers(database, model.model);
      renewed = true;
      const done = await embedBatch(parts);
      failures = 0;
      if (done < BATCH) await delay(IDLE_MS, undefined, { signal });
    } catch (error) {
      if (signal.aborted) return;
      trouble(error);
      await delay(Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++), undefined, { signal }).catch(
        () => {},
      );
    }
  }
}

/** What another model made is of no use beside this one's. */
async function forgetOthers(database: Database, model: string): Promise<void> {
  for (;;) {
    const forgotten = await database.query(
      `update chunks set model = null, embedding = null where (tenant, id, ordinal) in
         (select tenant, id, ordinal from chunks where model <> $1 limit ${RENEWED}) returning 1`,
      [model],
    );
    if (forgotten.length < RENEWED) return;
  }
}

interface Waiting extends Record<string, unknown> {
  tenant: string;
  id: string;
  ordinal: number;
  text: string;
}

/**
 * Nothing is locked while the provider thinks: a part that was changed meanwhile has another text, and keeps waiting.
 * @returns how many were given one.
 */
export async function embedBatch({
  database,
  schema,
  model,
  signal,
}: Omit<EmbeddingQueueParts, "trouble">): Promise<number> {
  const waiting = await database.query<Waiting>(
    `select c.tenant, c.id::text, c.ordinal, d.title || E'\\n' || c.text as text from chunks c
     join documents d on d.tenant = c.tenant and d.id = c.id
     where c.model is null limit ${BATCH}`,
  );
  if (waiting.length === 0) return 0;
  for (const tenant of new Set(waiting.map((one) => one.tenant)))
    await ensureIndex(database, schema, tenant, model);
  const vectors = await model.embed(
    waiting.map(({ text }) => text),
    signal,
  );
  const rows = waiting.map(({ tenant, id, ordinal, text }, i) => ({
    ...{ tenant, id, ordinal, text },
    vector: vectorText(vectors[i] ?? []),
  }));
  const done = await database.query(
    `update chunks c set model = $1, embedding = i.vector::vector
     from json_to_recordset($2::json) as i(tenant text, id uuid, ordinal int, text text, vector text), documents d
     where c.tenant = i.tenant and c.id = i.id and c.ordinal = i.ordinal and d.tenant = c.tenant and d.id = c.id
       and d.title || E'\\n' || c.text = i.text returning 1`,
    [model.model, JSON.stringify(rows)],
  );
  return done.length;
}

/** Each tenant has its own graph: what is near is near among its own documents. */
async function ensureIndex(
  database: Database,
  schema: string,
  tenant: string,
  { model, dimensions }: EmbeddingModel,
): Promise<void> {
  const [row] = await database.query<{ name: string; there: boolean; literal: string }>(
    `select name, exists (select 1 from pg_indexes where schemaname = $3 and indexname = name) as there, quote_literal($2::text) as literal
     from (select 'chunks_' || number || '_' || substr(md5($2), 1, 8) as name from tenants where tenant = $1) n`,
    [tenant, model, schema],
  );
  if (!row || row.there) return;
  await database.transaction(async (session) => {
    await exclusively(session, `context-hub ${schema} tenants`);
    const table = row.name.split("_").slice(0, 2).join("_");
    await session.execute(
      `create index if not exists ${row.name} on ${schema}.${table}
       using hnsw ((embedding::vector(${dimensions})) vector_cosine_ops) where model = ${row.literal}`,
    );
  });
}
