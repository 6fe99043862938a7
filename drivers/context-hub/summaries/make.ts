import { hash } from "node:crypto";
import { type ContextHub, DriverError, type StoredDocument } from "@vextir/driver-runtime";
import type { Summary } from "../config.ts";
import type { Answer } from "../requests/answer.ts";
import { type Synthesis, synthesis } from "../requests/synthesis.ts";
import { topicsOf } from "./topics.ts";

export interface Making {
  hub: ContextHub;
  summary: Pick<Summary, "name" | "collections" | "into" | "query" | "instruction">;
  user: string;
  /** Instead of the summary's own. */
  instruction?: string | undefined;
  /** Also when it is made of the same documents already. */
  anew: boolean;
  /** For one call; for the synthesis. */
  timeoutMs: number;
  synthesisMs: number;
  signal: AbortSignal;
}

export interface Made {
  /** `Ended`: there is nothing to sum up, and no summary any more. */
  outcome: "Made" | "Unchanged" | "Ended";
  /** What was made. */
  synthesis?: Synthesis;
  /** What others are told. */
  answers: Answer[];
}

/** The newest: what it is made of, and what it is known by. */
const NEWEST = 50;

/**
 * Makes a user's summary and keeps it as a document; ends it when there is nothing left to sum up.
 * @throws DriverError `Conflict` when somebody else makes it at this moment, and as the hub's calls do
 */
export async function makeSummary(making: Making): Promise<Made> {
  const { hub, summary, user, timeoutMs, signal } = making;
  const limits = { timeoutMs, signal };
  const { documents } = await hub.list({
    ...limits,
    filter: { collections: summary.collections, users: [user] },
    pageSize: NEWEST,
  });
  const kept = await theOne(making);
  if (documents.length === 0) return ending(making, kept);
  const basis = basisOf(documents);
  if (!making.anew && kept?.metadata["basis"] === basis) return { outcome: "Unchanged", answers: [] };
  const made = await synthesis(hub, {
    query: topicsOf(documents, summary.query),
    instruction: making.instruction ?? summary.instruction,
    filter: { collections: summary.collections, users: [user] },
    maxPassages: NEWEST,
    timeoutMs: making.synthesisMs,
    signal,
  });
  return keep(making, { kept, basis, made });
}

/** The document that holds the summary. Two pods may have made one at the same moment: the older one is it. */
async function theOne({
  hub,
  summary,
  user,
  timeoutMs,
  signal,
}: Making): Promise<StoredDocument | undefined> {
  const limits = { timeoutMs, signal };
  const filter = { collections: [summary.into], users: [user], metadata: { summary: summary.name } };
  const { documents } = await hub.list({ ...limits, filter, omitContent: true });
  const [kept, ...others] = documents.toSorted(
    (a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1),
  );
  for (const { id } of others) await hub.delete(id, limits).catch(unlessGone);
  return kept;
}

async function ending(
  { hub, summary, user, timeoutMs, signal }: Making,
  kept: StoredDocument | undefined,
): Promise<Made> {
  if (!kept) return { outcome: "Ended", answers: [] };
  await hub.delete(kept.id, { timeoutMs, signal, etag: kept.etag }).catch(unlessGone);
  const data = { collection: summary.into, documentId: kept.id, userId: user };
  return { outcome: "Ended", answers: [{ type: "context.document.deleted", data }] };
}

async function keep(
  { hub, summary, user, anew, timeoutMs, signal }: Making,
  { kept, basis, made }: { kept: StoredDocument | undefined; basis: string; made: Synthesis },
): Promise<Made> {
  const limits = { timeoutMs, signal };
  const cited = made.citations.map(({ documentId }) => documentId);
  const sources = [...new Set(cited)];
  const document = {
    ...{ collection: summary.into, user, title: summary.name, content: made.text },
    contentType: "markdown" as const,
    // The document that `[n]` cites is the n-th of `cited`.
    metadata: { summary: summary.name, basis, model: made.model, cited },
  };
  const { id, changed } = kept
    ? await hub.update(kept.id, document, { ...limits, etag: kept.etag })
    : await hub.create(document, limits);
  const updated: Answer = {
    type: "context.synthesis.updated",
    data: {
      ...{ collection: summary.into, documentId: id, text: made.text, sources, summary: summary.name },
      ...{ model: made.model || undefined, userId: user },
    },
  };
  return { outcome: "Made", synthesis: made, answers: changed || anew ? [updated] : [] };
}

const basisOf = (documents: readonly StoredDocument[]) =>
  hash("sha256", JSON.stringify(documents.map(({ id, etag }) => [id, etag])), "hex");

function unlessGone(error: unknown): void {
  if (!(error instanceof DriverError && error.code === "NotFound")) throw error;
}
