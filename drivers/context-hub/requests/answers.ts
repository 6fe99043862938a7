import type { FoundDocument } from "@vextir/driver-runtime";
import type { Answer } from "./answer.ts";
import type { Done } from "./documents.ts";
import type { Synthesis } from "./synthesis.ts";

const MAX_SNIPPET = 4_000;

interface About {
  requestId: string;
  userId: string;
}

export const userKnown = (about: About, created: boolean): Answer => ({
  type: "context.user.completed",
  data: { ...about, created },
});

/** What was done, for whoever asked; and that it is so, for everybody else. */
export function documentWritten(
  about: About,
  operation: "create" | "update" | "delete",
  { id: documentId, revision, etag, changed, collection }: Done,
  title?: string,
): Answer[] {
  const { userId } = about;
  const version = revision > 0 ? revision : undefined;
  const completed: Answer = {
    type: "context.document.completed",
    data: { ...about, operation, documentId, version, etag, changed, collection },
  };
  if (!changed || collection === undefined) return [completed];
  const gone = operation === "delete";
  const told: Answer = {
    type: gone ? "context.document.deleted" : "context.document.stored",
    data: { collection, documentId, userId, ...(!gone && { version, title: title || undefined }) },
  };
  return [completed, told];
}

export const documentsFound = (about: About, query: string, found: readonly FoundDocument[]): Answer => ({
  type: "context.search.completed",
  data: {
    ...about,
    query,
    hits: found.map(({ document, passage, score }) => ({
      ...{ collection: document.collection, documentId: document.id, score },
      ...{ title: document.title, snippet: passage.text.slice(0, MAX_SNIPPET) },
    })),
  },
});

export const synthesized = (
  about: About & { summary?: string | undefined },
  { text, model, citations }: Synthesis,
): Answer => ({
  type: "context.synthesis.completed",
  data: { ...about, text, model: model || undefined, citations },
});
