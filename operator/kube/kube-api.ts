import type { IncomingMessage } from "node:http";
import type { KubeObject } from "@vextir/api";
import { type Applied, ClusterError, type Kind, type ObjectKey } from "../cluster.ts";
import { TooLargeError } from "./api-error.ts";
import type { HttpClient } from "./http-client.ts";
import {
  collectionPath,
  describe,
  labelSelector,
  objectPath,
  query,
  type Resource,
} from "./resource-path.ts";

/** Owns the fields that the operator applies. */
export const FIELD_MANAGER = "vextir-operator";

/** An object as the API server sends it. */
export type Sent<T extends KubeObject = KubeObject> = T & {
  metadata: { resourceVersion: string; uid: string; managedFields?: ManagedFields[] };
};

export interface ManagedFields {
  manager?: string;
  operation?: string;
  subresource?: string;
  fieldsV1?: object;
}

export interface ListPage {
  items: Sent[];
  resourceVersion: string;
}

interface SentList {
  items?: Sent[] | null;
  metadata: { resourceVersion: string; continue?: string };
}

export interface Selection {
  namespace?: string | undefined;
  labels?: Readonly<Record<string, string>> | undefined;
  /** Objects come without spec, status and data. */
  metadataOnly?: boolean | undefined;
}

export interface WatchSelection extends Selection {
  resourceVersion: string;
  /** The server ends the watch after this. */
  timeoutSeconds: number;
  signal: AbortSignal;
}

const METADATA = "g=meta.k8s.io;v=v1";
const PAGE_SIZE = 100;

/** The few calls of the Kubernetes API that the operator makes. Throws `ClusterError`. */
export class KubeApi {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  async get<T extends KubeObject>(
    kind: Kind<T>,
    key: ObjectKey,
    deadlineMs?: number,
  ): Promise<Sent<T> | undefined> {
    try {
      return (await this.#http.request({
        method: "GET",
        path: objectPath(kind, key),
        what: `get ${describe(kind, key)}`,
        ...(deadlineMs && { deadlineMs }),
      })) as Sent<T>;
    } catch (error) {
      if (error instanceof ClusterError && error.code === "NotFound") return undefined;
      throw error;
    }
  }

  /**
   * Pages of a list, all of one moment. A page whose objects are too large is asked for again with fewer of them.
   *
   * @throws GoneError when the pages took so long that the server forgot that moment.
   */
  async *pages(kind: Resource, selection: Selection = {}, pageSize = PAGE_SIZE): AsyncGenerator<ListPage> {
    let limit = pageSize;
    for (let next: string | undefined = ""; next !== undefined; ) {
      try {
        const { items, metadata } = await this.#page(kind, selection, limit, next);
        yield { items: items ?? [], resourceVersion: metadata.resourceVersion };
        next = metadata.continue || undefined;
      } catch (error) {
        if (!(error instanceof TooLargeError) || limit === 1) throw error;
        limit = Math.ceil(limit / 8);
      }
    }
  }

  #page(kind: Resource, selection: Selection, limit: number, next: string): Promise<SentList> {
    const { namespace, labels, metadataOnly } = selection;
    const list = query({ limit, continue: next, labelSelector: labelSelector(labels) });
    return this.#http.request({
      method: "GET",
      path: collectionPath(kind, namespace) + list,
      what: `list ${kind.plural}`,
      deadlineMs: 60_000,
      ...(metadataOnly && { accept: `application/json;as=PartialObjectMetadataList;${METADATA}` }),
    }) as Promise<SentList>;
  }

  /** The byte stream of a watch: one JSON object per line. */
  watch(kind: Resource, selection: WatchSelection): Promise<IncomingMessage> {
    const { namespace, labels, metadataOnly, resourceVersion, timeoutSeconds, signal } = selection;
    const watch = query({
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion,
      timeoutSeconds,
      labelSelector: labelSelector(labels),
    });
    return this.#http.stream({
      method: "GET",
      path: collectionPath(kind, namespace) + watch,
      what: `watch ${kind.plural}`,
      signal,
      ...(metadataOnly && { accept: `application/json;as=PartialObjectMetadata;${METADATA}` }),
    });
  }

  /** Server-side apply; takes over fields that others own. */
  async apply<T extends KubeObject>(
    kind: Kind<T>,
    object: Applied<T>,
    subresource?: "status",
  ): Promise<Sent<T>> {
    const { name, namespace } = object.metadata;
    const key = { name, ...(namespace && { namespace }) };
    const path =
      objectPath(kind, key, subresource) +
      query({ fieldManager: kind.manager ?? FIELD_MANAGER, force: true });
    return (await this.#http.request({
      method: "PATCH",
      path,
      what: `apply ${subresource ? `${subresource} of ` : ""}${describe(kind, key)}`,
      // The body is JSON, which is YAML too.
      contentType: "application/apply-patch+yaml",
      body: { ...object, apiVersion: kind.apiVersion, kind: kind.kind },
    })) as Sent<T>;
  }

  /** @throws ClusterError `Conflict` when it is there already. */
  async create<T extends KubeObject>(kind: Kind<T>, object: Applied<T>): Promise<Sent<T>> {
    const { name, namespace } = object.metadata;
    const path = collectionPath(kind, namespace) + query({ fieldManager: FIELD_MANAGER });
    const what = `create ${describe(kind, { name, ...(namespace && { namespace }) })}`;
    const body = { ...object, apiVersion: kind.apiVersion, kind: kind.kind };
    return (await this.#http.request({ method: "POST", path, what, body })) as Sent<T>;
  }

  /** Replaces the object whose resourceVersion is given. @throws ClusterError `Conflict` when it changed since. */
  async replace<T extends KubeObject>(kind: Kind<T>, object: T, deadlineMs?: number): Promise<Sent<T>> {
    const { name, namespace } = object.metadata;
    const key = { name, ...(namespace && { namespace }) };
    return (await this.#http.request({
      method: "PUT",
      path: objectPath(kind, key) + query({ fieldManager: FIELD_MANAGER }),
      what: `update ${describe(kind, key)}`,
      body: object,
      ...(deadlineMs && { deadlineMs }),
    })) as Sent<T>;
  }

  /** In the background: dependents go later. Answers whether it was there. */
  async delete(kind: Resource, key: ObjectKey, precondition?: { uid: string }): Promise<boolean> {
    const path = objectPath(kind, key);
    const body = { propagationPolicy: "Background", ...(precondition && { preconditions: precondition }) };
    try {
      await this.#http.request({ method: "DELETE", path, what: `delete ${describe(kind, key)}`, body });
      return true;
    } catch (error) {
      if (error instanceof ClusterError && error.code === "NotFound") return false;
      throw error;
    }
  }

  /** Any other request: `call("GET", "/openid/v1/jwks", { accept: "application/jwk-set+json" })`. */
  call(
    method: "GET" | "POST" | "PATCH",
    path: string,
    options: { body?: unknown; contentType?: string; accept?: string; deadlineMs?: number } = {},
  ): Promise<unknown> {
    return this.#http.request({ method, path, what: `${method} ${path}`, ...options });
  }

  close(): void {
    this.#http.close();
  }
}
