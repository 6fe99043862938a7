import type { Session } from "@vextir/database";
import { chunksOf } from "./chunks.ts";
import type { Draft } from "./draft.ts";
import type { KnownWords } from "./known-words.ts";
import { configurationOf } from "./language.ts";
import { wordsOf } from "./words.ts";

export interface Indexed {
  id: string;
  draft: Pick<Draft, "user" | "title" | "content" | "language">;
  path: readonly string[];
}

/**
 * Writes what documents are searched by: parts of their text, with the title in front of each since it is what the whole is
 * about. Words stand as they are, and by their stem where the language is known.
 */
export async function writeChunks(
  session: Session,
  tenant: string,
  documents: readonly Indexed[],
  known: KnownWords,
): Promise<void> {
  const rows = documents.flatMap(({ id, draft, path }) => {
    const parts = chunksOf(draft.content);
    const all = parts.length > 0 || !draft.title ? parts : [{ start: 0, end: 0, text: "" }];
    return all.map((chunk, ordinal) => ({
      id,
      ordinal,
      u: draft.user,
      p: path,
      s: chunk.start,
      e: chunk.end,
      t: chunk.text,
      h: draft.title,
      c: configurationOf(draft.language),
    }));
  });
  if (rows.length === 0) return;
  await session.query(
    `insert into chunks (tenant, id, ordinal, user_id, path, updated_at, start_at, end_at, text, search)
     select $1, id, ordinal, u, p, now(), s, e, t,
       setweight(to_tsvector('simple', h), 'A') || to_tsvector('simple', t)
       || case c when 'simple' then ''::tsvector else setweight(to_tsvector(c::regconfig, h), 'A') || to_tsvector(c::regconfig, t) end
     from json_to_recordset($2::json) as c(id uuid, ordinal int, u text, p text[], s int, e int, t text, h text, c text)`,
    [tenant, JSON.stringify(rows)],
  );
  const languages = [...new Set(documents.map(({ draft }) => draft.language))].filter(Boolean);
  if (languages.length > 0)
    await session.query(
      `update tenants set languages = (select array_agg(distinct l order by l) from unnest(languages || $2::text[]) l)
       where tenant = $1 and not languages @> $2::text[]`,
      [tenant, languages],
    );
  const words = new Set<string>();
  for (const { draft } of documents)
    for (const word of wordsOf(`${draft.title} ${draft.content}`)) words.add(word);
  const fresh = known.unknown(tenant, words, Date.now());
  if (fresh.length > 0)
    await session.query(
      "insert into words (tenant, word) select $1, w from json_array_elements_text($2::json) as w order by w on conflict do nothing",
      [tenant, JSON.stringify(fresh)],
    );
}

export async function dropChunks(session: Session, tenant: string, id: string): Promise<void> {
  await session.query("delete from chunks where tenant = $1 and id = $2", [tenant, id]);
}
