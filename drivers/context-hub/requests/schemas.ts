import { z } from "zod";

/** The hub's own bounds are its to say; these keep out what can't be a request. */
const Id = z.string().min(1).max(512);
const Collection = z.string().min(1).max(1_024);
const Collections = z.array(Collection).max(100);
const Metadata = z.record(z.string(), z.json());
const userId = Id.optional();

const document = {
  collection: Collection,
  content: z.string(),
  title: z.string().exactOptional(),
  contentType: z.enum(["plain", "markdown", "json"]).exactOptional(),
  metadata: Metadata.exactOptional(),
  language: z.string().exactOptional(),
  expiresAt: z.iso
    .datetime({ offset: true })
    .transform((text) => new Date(text))
    .exactOptional(),
};

/** `context.user.init` */
export const InitUser = z.object({ userId }).default({});
/** `context.document.create` */
export const CreateDocument = z.object({ ...document, userId });
/** `context.document.update` */
export const UpdateDocument = z.object({ documentId: Id, etag: z.string().optional(), ...document, userId });
/** `context.document.delete` */
export const DeleteDocument = z.object({ documentId: Id, etag: z.string().optional(), userId });
/** `context.document.search` and `context.search.requested` */
export const SearchDocuments = z.object({
  query: z.string(),
  collections: Collections.optional(),
  metadata: Metadata.optional(),
  mode: z.enum(["text", "vector", "hybrid"]).optional(),
  limit: z.int().min(1).optional(),
  userId,
});
/** `context.synthesis.requested` */
export const RequestSynthesis = z
  .object({
    query: z.string().min(1).optional(),
    instruction: z.string().optional(),
    collections: Collections.optional(),
    summary: z.string().min(1).optional(),
    userId,
  })
  .refine(({ query, summary }) => (query === undefined) !== (summary === undefined), {
    path: ["query"],
    message: "either a question or the name of a summary",
  });
