import { setTimeout as delay } from "node:timers/promises";
import { DriverError } from "../errors.ts";
import type { HubConnection } from "./connection.ts";
import type { Behalf, ContextHub } from "./hub.ts";
import { dateOf, filterOf, foundOf, inputOf, MODES, partOf, storedOf, writtenOf } from "./messages.ts";

const SYNTHESIS_MS = 60_000;
const AGAIN_MS = 500;
/** The hub takes no more of an event's id. */
const MAX_EVENT_ID = 200;

/** The hub's methods over one connection. */
export function hubClient(connection: HubConnection, behalf: Behalf): Omit<ContextHub, "may" | "reachable"> {
  const eventId = (behalf.eventId ?? "").slice(0, MAX_EVENT_ID);
  return {
    async initUser({ user = "", ...options } = {}) {
      const { created, createTime } = await connection.call("initUser", { user }, options, behalf);
      return { created, createdAt: dateOf(createTime) };
    },
    async search(query, options = {}) {
      const { filter, mode, limit, collectionWeights, recencyWeight, ...rest } = options;
      const request = {
        query,
        filter: filterOf(filter),
        ...(mode && { mode: MODES[mode] }),
        ...(limit !== undefined && { limit }),
        ...(collectionWeights && { collectionWeights }),
        ...(recencyWeight !== undefined && { recency: { weight: recencyWeight } }),
      };
      const { results } = await connection.call("search", request, rest, behalf);
      return results.map(foundOf);
    },
    async get(id, options = {}) {
      const { document } = await connection.call("getDocument", { id }, options, behalf);
      return storedOf(document);
    },
    async list(options = {}) {
      const { filter, pageSize, pageToken, omitContent, ...rest } = options;
      const request = {
        filter: filterOf(filter),
        ...(pageSize !== undefined && { pageSize }),
        ...(pageToken !== undefined && { pageToken }),
        ...(omitContent !== undefined && { omitContent }),
      };
      const page = await connection.call("listDocuments", request, rest, behalf);
      return { documents: page.documents.map(storedOf), nextPageToken: page.nextPageToken };
    },
    async history(id, { pageSize, pageToken, ...options } = {}) {
      const request = {
        id,
        ...(pageSize !== undefined && { pageSize }),
        ...(pageToken !== undefined && { pageToken }),
      };
      const page = await connection.call("history", request, options, behalf);
      return { revisions: page.revisions.map(storedOf), nextPageToken: page.nextPageToken };
    },
    async create(document, options = {}) {
      const request = { document: inputOf(document, eventId) };
      return writtenOf((await connection.call("createDocument", request, options, behalf)).written);
    },
    async update(id, document, { etag = "", ...options } = {}) {
      const request = { id, etag, document: inputOf(document, eventId) };
      return writtenOf((await connection.call("updateDocument", request, options, behalf)).written);
    },
    async delete(id, { etag = "", ...options } = {}) {
      return writtenOf((await connection.call("deleteDocument", { id, etag }, options, behalf)).written);
    },
    async *synthesize(query, { filter, instruction = "", maxPassages = 0, ...options } = {}) {
      const request = { query, instruction, maxPassages, filter: filterOf(filter) };
      const limits = { timeoutMs: SYNTHESIS_MS, ...options };
      for await (const response of connection.stream("synthesize", request, limits, behalf)) {
        const part = partOf(response);
        if (part) yield part;
      }
    },
    async *watch({ signal, cursor = "", filter }) {
      let at = cursor;
      while (!signal.aborted) {
        try {
          const request = { cursor: at, filter: filterOf(filter) };
          for await (const { document, cursor: next } of connection.stream(
            "watch",
            request,
            { signal },
            behalf,
          )) {
            at = next;
            yield { document: document && storedOf(document), cursor: at };
          }
        } catch (error) {
          // A cursor that was given goes on where it was; without one nothing has been told yet.
          if (!(error instanceof DriverError && error.code === "Unavailable")) throw error;
        }
        await delay(AGAIN_MS, undefined, { signal }).catch(() => {});
      }
    },
  };
}
