import type { Row, Session } from "@vextir/database";
import type { Scope } from "../access/grants.ts";
import type { Condition, Parameters } from "../documents/condition.ts";
import { configurationOf } from "../documents/language.ts";
import { columns, type DocumentRow } from "../documents/row.ts";
import type { Store } from "../documents/store.ts";
import type { EmbeddingModel } from "../models/provider.ts";
import { HubError } from "../rpc/hub-error.ts";
import type { Candidate } from "./candidates.ts";
import { alternativesOf } from "./correction.ts";
import { type Fused, fuse, type Weights } from "./fusion.ts";
import { CLOSE, type Marked, marksOf, OPEN } from "./highlights.ts";
import { correctedQuery, queryOf, tsqueryOf } from "./query.ts";
import { searchText } from "./text.ts";
import { searchVectors } from "./vectors.ts";

export type Mode = "Text" | "Vector" | "Hybrid";

export interface Asked {
  query: string;
  condition: Condition;
  /** Undefined: hybrid where there is a model. */
  mode: Mode | undefined;
  limit: number;
  weights: Weights;
  highlights: boolean;
  /** Empty: those of the tenant's documents. */
  language: string;
  /** A question in whole sentences: any of its words will do, the more the better. */
  anyWord: boolean;
  signal: AbortSignal;
}

export interface Found {
  row: DocumentRow;
  passage: { text: string; start: number; end: number; highlights: Marked[] };
  score: Fused;
}

export interface Answer {
  found: Found[];
  mode: Mode;
  bounded: boolean;
  corrected: boolean;
}

interface ByText {
  candidates: Candidate[];
  bounded: boolean;
  corrected: boolean;
  /** What highlights are made with. */
  query: string;
}

/** The embedding of a question may not hold up its answer for longer. */
const EMBED_MS = 2_000;
const NOTHING: ByText = { candidates: [], bounded: false, corrected: false, query: "" };

export class Search {
  readonly #store: Store;
  readonly #model: EmbeddingModel | undefined;

  constructor(store: Store, model?: EmbeddingModel) {
    this.#store = store;
    this.#model = model;
  }

  /** @throws HubError `FAILED_PRECONDITION` for vectors without a model */
  async search(scope: Scope, asked: Asked): Promise<Answer> {
    const model = this.#model;
    if (!model && (asked.mode === "Vector" || asked.mode === "Hybrid"))
      throw new HubError("FAILED_PRECONDITION", "the hub has no embedding model: search by words", {
        precondition: { type: "EMBEDDING_MODEL", subject: "hub" },
      });
    const mode = asked.mode ?? (model ? "Hybrid" : "Text");
    const [text, vector] = await Promise.all([
      mode === "Vector" ? NOTHING : this.#byText(scope, asked),
      model && mode !== "Text" ? this.#byVector(scope, asked, model, mode) : [],
    ]);
    const best = fuse(text.candidates, vector ?? [], asked.weights).slice(0, 2 * asked.limit);
    const rows = await this.#fetch(scope, best, asked, text.query);
    return {
      found: rows.slice(0, asked.limit),
      mode: vector ? mode : "Text",
      bounded: text.bounded,
      corrected: text.corrected,
    };
  }

  async #byText(scope: Scope, asked: Asked): Promise<ByText> {
    const { query: text, condition, language } = asked;
    const { database } = this.#store;
    const query = queryOf(text);
    const languages = language ? [language] : await this.#languagesOf(scope.tenant);
    const write = (parameters: Parameters) => {
      const all = tsqueryOf(query, languages, parameters);
      // What is excluded stays excluded.
      const any = asked.anyWord && !/(^|\s)-/.test(query.web);
      return any ? `replace((${all})::text, ' & ', ' | ')::tsquery` : all;
    };
    const found = await searchText(database, { scope, condition, query: write });
    if (found.candidates.length > 0 || query.words.length === 0)
      return { ...found, corrected: false, query: text };
    const alternatives = await alternativesOf(database, scope.tenant, query.words);
    if (!alternatives) return { ...found, corrected: false, query: text };
    const corrected = correctedQuery(alternatives);
    const again = await searchText(database, {
      scope,
      condition,
      query: (parameters) => `${parameters.add(corrected)}::tsquery`,
    });
    return { ...again, corrected: again.candidates.length > 0, query: alternatives.flat().join(" or ") };
  }

  /** Undefined: the model does not answer, and words have to do; unless only vectors were asked for. */
  async #byVector(
    scope: Scope,
    asked: Asked,
    model: EmbeddingModel,
    mode: Mode,
  ): Promise<Candidate[] | undefined> {
    const { condition, query, signal } = asked;
    try {
      const limits = AbortSignal.any([signal, AbortSignal.timeout(EMBED_MS)]);
      const [vector = []] = await model.embed([query], limits);
      return await searchVectors(this.#store.database, { scope, condition, vector, kind: model });
    } catch (cause) {
      if ((cause as Error).name !== "ProviderError") throw cause;
      if (mode === "Vector")
        throw new HubError("UNAVAILABLE", "the embedding model does not answer", {
          cause,
          retryAfterMs: EMBED_MS,
        });
      return undefined;
    }
  }

  async #languagesOf(tenant: string): Promise<readonly string[]> {
    const [row] = await this.#store.database.query<{ languages: string[] }>(
      "select languages from tenants where tenant = $1",
      [tenant],
    );
    return row?.languages ?? [];
  }

  /** Under row-level security: what the scope does not cover is not there, whatever was found. */
  async #fetch(
    scope: Scope,
    best: readonly Fused[],
    { highlights, limit }: Asked,
    query: string,
  ): Promise<Found[]> {
    if (best.length === 0) return [];
    const rows = await this.#store.within(scope, (session) => passages(session, scope.tenant, best, limit));
    const marked = highlights && query ? await this.#marked(scope, rows.slice(0, limit), query) : [];
    return rows.map((row, i) => ({
      row,
      passage: {
        text: row.passage,
        start: row.start_at,
        end: row.end_at,
        highlights: marked[i] === undefined ? [] : marksOf(marked[i], row.passage),
      },
      score: best[row.place - 1] as Fused,
    }));
  }

  /** ts_headline reads the whole text again, so it is asked for what is shown and for no more. */
  async #marked(scope: Scope, rows: readonly PassageRow[], query: string): Promise<string[]> {
    const input = rows.map(({ passage, language }, n) => ({ n, t: passage, c: configurationOf(language) }));
    const plain = query.replaceAll("*", "");
    const found = await this.#store.within(scope, (session) =>
      session.query<{ headline: string }>(
        `select ts_headline(c::regconfig, t, websearch_to_tsquery('simple', $2) || websearch_to_tsquery(c::regconfig, $2),
           'HighlightAll=true, StartSel=${OPEN}, StopSel=${CLOSE}') as headline
         from json_to_recordset($1::json) as i(n int, t text, c text) order by n`,
        [JSON.stringify(input), plain],
      ),
    );
    return found.map(({ headline }) => headline);
  }
}

interface PassageRow extends DocumentRow, Row {
  passage: string;
  start_at: number;
  end_at: number;
  place: number;
}

function passages(
  session: Session,
  tenant: string,
  best: readonly Fused[],
  limit: number,
): Promise<PassageRow[]> {
  return session.query<PassageRow>(
    `select ${columns("d", false)}, c.text as passage, c.start_at, c.end_at, i.place::int as place
     from unnest($2::uuid[], $3::int[]) with ordinality as i(id, ordinal, place)
     join documents d on d.tenant = $1 and d.id = i.id and not d.deleted and (d.expires_at is null or d.expires_at > now())
     join chunks c on c.tenant = $1 and c.id = i.id and c.ordinal = i.ordinal
     order by i.place limit $4`,
    [tenant, best.map(({ id }) => id), best.map(({ ordinal }) => ordinal), limit],
  );
}
