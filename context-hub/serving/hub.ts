import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import * as messages from "@vextir/proto/contexthub/v1/context_hub_pb.js";
import type { Document } from "@vextir/proto/contexthub/v1/documents_pb.js";
import type { Access } from "../access/access.ts";
import { batchCreate } from "../documents/batch.ts";
import { conditionOf } from "../documents/condition.ts";
import { draftOf, hashOf } from "../documents/draft.ts";
import * as fields from "../documents/fields.ts";
import { pageToken, placeOf, sizeOf } from "../documents/page-token.ts";
import { Reading } from "../documents/reading.ts";
import type { Store } from "../documents/store.ts";
import { erase, exported, imported } from "../documents/transfer.ts";
import { watch } from "../documents/watching.ts";
import { Writing } from "../documents/writing.ts";
import type { ChatModel, EmbeddingModel } from "../models/provider.ts";
import { invalid } from "../rpc/hub-error.ts";
import type { Implementation } from "../rpc/serve.ts";
import { Search } from "../search/search.ts";
import { synthesize } from "../synthesis/synthesize.ts";
import { askedForSynthesis, askedOf, responseOf } from "./searching.ts";

const MAX_INSTRUCTION = 2_000;
const PAGE = { most: 200, otherwise: 50 };

export interface HubParts {
  store: Store;
  access: Access;
  /** Undefined: searched by words alone. */
  embedding?: EmbeddingModel | undefined;
  /** Undefined: answers are made of the documents' own sentences. */
  chat?: ChatModel | undefined;
}

/** The service's methods: each checks what it is asked, learns what the caller may, and does it. */
export function hubOf({ store, access, embedding, chat }: HubParts): Implementation {
  const reading = new Reading(store);
  const writing = new Writing(store);
  const search = new Search(store, embedding);
  return {
    initUser: async ({ user }, { caller }) => {
      const scope = access.scope(caller, "write");
      const { created, at } = await writing.initUser(scope, fields.userName("user", user || caller.user));
      return create(messages.InitUserResponseSchema, { created, createTime: timestampFromDate(at) });
    },
    createDocument: async ({ document }, { caller }) => {
      const draft = draftOf(document, caller.user);
      const [written] = await writing.create(caller, access.scope(caller, "write"), [draft]);
      return create(messages.CreateDocumentResponseSchema, { ...(written && { written }) });
    },
    getDocument: async (request, { caller }) => {
      const id = fields.id("id", request.id);
      const document = await reading.get(access.scope(caller, "read"), id);
      return create(messages.GetDocumentResponseSchema, { document });
    },
    updateDocument: async ({ id, document, etag }, { caller }) => {
      const [which, draft] = [fields.id("id", id), draftOf(document, caller.user)];
      const written = await writing.change(caller, access.scope(caller, "write"), which, draft, { etag });
      return create(messages.UpdateDocumentResponseSchema, { written });
    },
    deleteDocument: async ({ id, etag }, { caller }) => {
      const written = await writing.delete(caller, access.scope(caller, "write"), fields.id("id", id), etag);
      return create(messages.DeleteDocumentResponseSchema, { written });
    },
    listDocuments: async ({ filter, pageSize, pageToken: token, omitContent }, { caller }) => {
      const condition = conditionOf(filter);
      const before = placeOf(condition, token);
      const size = sizeOf("page_size", pageSize, PAGE);
      const scope = access.scope(caller, "read");
      const page = await reading.list(scope, condition, { before, size, content: !omitContent });
      return create(messages.ListDocumentsResponseSchema, {
        documents: page.documents,
        nextPageToken: page.next === undefined ? "" : pageToken(condition, page.next),
      });
    },
    batchCreate: (requests, { caller }) => {
      access.scope(caller, "write");
      return batchCreate(requests, { writing, caller, scope: () => access.scope(caller, "write") });
    },
    search: async (request, { caller, signal }) => {
      const asked = askedOf(request, signal);
      return responseOf(await search.search(access.scope(caller, "search"), asked));
    },
    async *synthesize(request, { caller, signal }) {
      const asked = askedForSynthesis(request, signal);
      const instruction = fields.text("instruction", request.instruction, MAX_INSTRUCTION);
      const { found } = await search.search(access.scope(caller, "synthesize"), asked);
      yield* synthesize({ question: asked.query, instruction, found, model: chat, signal });
    },
    async *watch({ filter, cursor }, { caller, signal }) {
      const condition = conditionOf(filter);
      if (condition.from || condition.before) throw invalid("filter.updated_from", "not allowed here");
      const scope = () => access.scope(caller, "read");
      for await (const told of watch({ store, reading, scope, condition, cursor, signal }))
        yield create(messages.WatchResponseSchema, told);
    },
    history: async ({ id, pageSize, pageToken: token }, { caller }) => {
      const which = fields.id("id", id);
      const before = placeOf(which, token);
      const size = sizeOf("page_size", pageSize, PAGE);
      const { documents, next } = await reading.history(access.scope(caller, "read"), which, {
        before,
        size,
      });
      return create(messages.HistoryResponseSchema, {
        revisions: documents,
        nextPageToken: next === undefined ? "" : pageToken(which, next),
      });
    },
    restore: async ({ id, revision, etag }, { caller }) => {
      const which = fields.id("id", id);
      if (revision < 1n) throw invalid("revision", "from 1 on");
      const row = await reading.revision(access.scope(caller, "read"), which, revision);
      const said = {
        title: row.title,
        content: row.content,
        contentType: row.content_type,
        metadata: row.metadata,
        language: row.language,
      };
      const { collection, user_id: user, expires_at, event_id: eventId } = row;
      // What has expired meanwhile is brought back for good.
      const expiresAt = expires_at && expires_at.getTime() > Date.now() ? expires_at : undefined;
      const draft = { ...said, collection, user, eventId, expiresAt, hash: hashOf(said) };
      const scope = access.scope(caller, "write");
      const written = await writing.change(caller, scope, which, draft, { etag, evenDeleted: true });
      return create(messages.RestoreResponseSchema, { written });
    },
    async *export({ user }, { caller }) {
      const whose = fields.userName("user", user || caller.user);
      for await (const document of exported(store, access.scope(caller, "read"), whose))
        yield create(messages.ExportResponseSchema, { document });
    },
    import: async (requests, { caller }) => {
      const { documents, revisions, skipped } = await imported(
        store,
        caller,
        access.scope(caller, "write"),
        documentsOf(requests),
      );
      return create(messages.ImportResponseSchema, {
        documents: BigInt(documents),
        revisions: BigInt(revisions),
        skipped: BigInt(skipped),
      });
    },
    erase: async ({ user }, { caller }) => {
      const whose = fields.userName("user", user);
      const erased = await erase(store, access.scope(caller, "write"), whose);
      return create(messages.EraseResponseSchema, {
        documents: BigInt(erased.documents),
        revisions: BigInt(erased.revisions),
        remaining: BigInt(erased.remaining),
        digest: erased.digest,
        eraseTime: timestampFromDate(erased.at),
      });
    },
  };
}

async function* documentsOf(
  requests: AsyncIterable<messages.ImportRequest>,
): AsyncGenerator<Document | undefined> {
  for await (const { document } of requests) yield document;
}
