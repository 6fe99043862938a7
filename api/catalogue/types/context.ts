import { z } from "zod";
import { entry } from "../entry.ts";
import { count, fault, id, name, requestId, text, userId } from "../parts.ts";

const collection = name.describe("Name of the collection.");

export default [
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
    collections: collection.array().min(1).max(256),
    limit: z.int().min(1).max(10_000).optional(),
    userId,
  }),
  entry("context.search.completed", "Documents that were found, the best first.", {
    requestId,
    query: text,
    hits: z
      .object({ collection, documentId: id, score: z.number(), snippet: z.string().max(65_536).optional() })
      .array()
      .max(10_000),
    userId,
  }),
  entry("context.synthesis.updated", "What is known of something was put together anew.", {
    collection,
    documentId: id,
    text,
    sources: id.array().max(10_000).describe("Documents that it is made of.").optional(),
    userId,
  }),
  entry("context.request.failed", "A search or a synthesis failed.", { requestId, userId, error: fault }),
];
