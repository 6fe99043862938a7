import { create } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import {
  type Passage,
  PassageSchema,
  SearchMode,
  type SearchRequest,
  type SearchResponse,
  SearchResponseSchema,
  type SynthesizeRequest,
} from "@vextir/proto/contexthub/v1/context_hub_pb.js";
import { conditionOf } from "../documents/condition.ts";
import * as fields from "../documents/fields.ts";
import { isLanguage, LANGUAGES } from "../documents/language.ts";
import { sizeOf } from "../documents/page-token.ts";
import { documentOf } from "../documents/row.ts";
import { invalid } from "../rpc/hub-error.ts";
import type { Answer, Asked, Found, Mode } from "../search/search.ts";

const DAY_MS = 86_400_000;
const HALF_LIFE_MS = 30 * DAY_MS;
const MAX_QUERY = 1_000;
const MAX_WEIGHTS = 64;

const MODES: Partial<Record<SearchMode, Mode>> = {
  [SearchMode.TEXT]: "Text",
  [SearchMode.VECTOR]: "Vector",
  [SearchMode.HYBRID]: "Hybrid",
};

/** @throws HubError `INVALID_ARGUMENT` */
export function askedOf(request: SearchRequest, signal: AbortSignal): Asked {
  if (!(request.mode in SearchMode)) throw invalid("mode", "not a known mode");
  if (!isLanguage(request.language)) throw invalid("language", `one of ${LANGUAGES.join(", ")}, or empty`);
  return {
    query: questionOf(request.query),
    condition: conditionOf(request.filter),
    mode: MODES[request.mode],
    limit: sizeOf("limit", request.limit, { most: 100, otherwise: 10 }),
    weights: {
      collections: weightsOf(request.collectionWeights),
      recency: {
        halfLifeMs: halfLifeOf(request.recency?.halfLife),
        weight: inRange("recency.weight", request.recency?.weight ?? 0, 10),
      },
      nowMs: Date.now(),
    },
    highlights: !request.omitHighlights,
    language: request.language,
    anyWord: false,
    signal,
  };
}

/** What a synthesis is made from. */
export function askedForSynthesis(request: SynthesizeRequest, signal: AbortSignal): Asked {
  return {
    query: questionOf(request.query),
    condition: conditionOf(request.filter),
    mode: undefined,
    limit: sizeOf("max_passages", request.maxPassages, { most: 50, otherwise: 10 }),
    weights: { collections: {}, recency: { halfLifeMs: HALF_LIFE_MS, weight: 0 }, nowMs: Date.now() },
    highlights: false,
    language: "",
    anyWord: true,
    signal,
  };
}

function questionOf(query: string): string {
  if (query.trim() === "") throw invalid("query", "must be said");
  return fields.text("query", query, MAX_QUERY);
}

function weightsOf(weights: SearchRequest["collectionWeights"]): Record<string, number> {
  const entries = Object.entries(weights);
  if (entries.length > MAX_WEIGHTS) throw invalid("collection_weights", `at most ${MAX_WEIGHTS}`);
  for (const [name, weight] of entries) {
    fields.collection("collection_weights", name);
    inRange("collection_weights", weight, 100);
  }
  return weights;
}

function inRange(field: string, value: number, most: number): number {
  if (!(value >= 0 && value <= most)) throw invalid(field, `0 to ${most}`);
  return value;
}

function halfLifeOf(duration: Duration | undefined): number {
  if (!duration) return HALF_LIFE_MS;
  const ms = Number(duration.seconds) * 1_000 + duration.nanos / 1e6;
  if (!(ms > 0 && ms <= 36_500 * DAY_MS))
    throw invalid("recency.half_life", "more than 0, at most 100 years");
  return ms;
}

const SAID: Record<Mode, SearchMode> = {
  Text: SearchMode.TEXT,
  Vector: SearchMode.VECTOR,
  Hybrid: SearchMode.HYBRID,
};

export function responseOf({ found, mode, bounded, corrected }: Answer): SearchResponse {
  return create(SearchResponseSchema, {
    results: found.map(({ row, passage, score }) => ({
      document: documentOf(row),
      passage: passageOf(passage),
      score,
    })),
    mode: SAID[mode],
    bounded,
    corrected,
  });
}

export const passageOf = (passage: Found["passage"]): Passage => create(PassageSchema, passage);
