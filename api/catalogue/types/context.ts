import { z } from "zod";
import { entry } from "../entry.ts";
import { anything, count, fault, id, name, requestId, text, time, userId } from "../parts.ts";

const collection = name.describe("Name of the collection.");
const collections = collection.array().min(1).max(256);
const limit = z.int().min(1).max(10_000).optional();
const etag = name.describe("Names the version that is meant; another one: it fails.").optional();
const summary = name.describe("Name of a summary that is kept of the user's documents.").optional();
const model = name.describe("Absent: the text is the documents' own sentences.").optional();

const document = {
  collection,
  content: z.string().max(2_097_152),
  title: z.string().max(1_024).optional(),
  contentType: z.enum(["plain", "markdown", "json"]).optional(),
  metadata: anything.optional(),
  language: z.string().max(16).describe("ISO 639-1.").optional(),
  expiresAt: time.optional(),
  userId,
};

export default [
  entry("context.user.init", "A user is to be made known to the context hub.", { userId }),
  entry("context.user.completed", "A user is known to the context hub.", {
    requestId,
    created: z.boolean().describe("He was not before."),
    userId,
  }),
  entry("context.document.create", "A document is to be stored.", document),
  entry("context.document.update", "A document is to be what is said here, whole.", {
    documentId: id,
    etag,
    ...document,
  }),
  entry("context.document.delete", "A document is to end.", { documentId: id, etag, userId }),
  entry("context.document.completed", "A document was stored, changed or ended, as was asked for.", {
    requestId,
    operation: z.enum(["create", "update", "delete"]),
    collection: collection.optional(),
    documentId: id,
    version: count.optional(),
    etag: name.optional(),
    changed: z.boolean().describe("False: the same was there already."),
    userId,
  }),
  entry("context.document.search", "Documents are looked for, in all collections where none are named.", {
    query: text,
    collections: collections.optional(),
    metadata: anything.describe("Members that the documents' metadata must hold.").optional(),
    mode: z.enum(["text", "vector", "hybrid"]).optional(),
    limit,
    userId,
  }),
  entry("context.document.stored", "A document of a collection is new, or has a new version.", {
    collection,
    documentId: id,
    version: count.optional(),
    title: name.optional(),
    mediaType: name.optional(),
    userId,
  }),
  entry("context.document.deleted", "A document of a collection is gone.", {
    collection,
    documentId: id,
    userId,
  }),
  entry("context.search.requested", "Documents are looked for.", {
    query: text,
    collections,
    limit,
    userId,
  }),
  entry("context.search.completed", "Documents that were found, the best first.", {
    requestId,
    query: text,
    hits: z
      .object({
        collection,
        documentId: id,
        score: z.number(),
        snippet: z.string().max(65_536).optional(),
        title: z.string().max(1_024).optional(),
      })
      .array()
      .max(10_000),
    userId,
  }),
  entry("context.synthesis.requested", "A question is to be answered, or a summary put together anew.", {
    query: text.describe("The question; absent with a summary.").optional(),
    instruction: text.describe("How it is to be said.").optional(),
    collections: collections.optional(),
    summary,
    userId,
  }),
  entry("context.synthesis.completed", "What documents say to a question, or a summary that was asked for.", {
    requestId,
    text,
    model,
    citations: z
      .object({
        number: z.int().min(1).describe("As the text cites it: [1]."),
        documentId: id,
        title: z.string().max(1_024).optional(),
        text: z.string().max(65_536).optional(),
      })
      .array()
      .max(1_000),
    summary,
    userId,
  }),
  entry("context.synthesis.updated", "What is known of something was put together anew.", {
    collection,
    documentId: id,
    text,
    sources: id.array().max(10_000).describe("Documents that it is made of.").optional(),
    summary,
    model,
    userId,
  }),
  entry("context.request.failed", "What was asked of the context hub failed.", {
    requestId,
    request: name.describe("Type of the event that asked for it.").optional(),
    summary,
    userId,
    error: fault,
  }),
];
