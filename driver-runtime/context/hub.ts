/** JSON as metadata holds it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** On whose behalf, because of what, and where in a trace. */
export interface Behalf {
  /** The gateway's signed word of the user. */
  assertion?: string | undefined;
  eventId?: string | undefined;
  traceParent?: string | undefined;
  traceState?: string | undefined;
}

export interface ContextOptions {
  /** The whole of it, tries again included. Default 10,000. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface NewDocument {
  /** As `notes` or `mail/inbox`; a grant for `mail` covers both. */
  collection: string;
  content: string;
  title?: string;
  /** Whose it is; default: the user on whose behalf the event is handled. */
  user?: string;
  /** Default `plain`. */
  contentType?: "plain" | "markdown" | "json";
  metadata?: { [key: string]: Json };
  /** ISO 639-1: words are found by their stem. */
  language?: string;
  /** When it ends by itself. */
  expiresAt?: Date;
}

export interface StoredDocument {
  id: string;
  collection: string;
  user: string;
  title: string;
  content: string;
  contentType: "plain" | "markdown" | "json";
  metadata: { [key: string]: Json };
  language: string;
  revision: number;
  etag: string;
  /** Where this revision comes from. Of a longer event's id the first 200 characters; empty for a deletion. */
  provenance: { driver: string; onBehalfOf: string; eventId: string };
  createdAt: Date;
  updatedAt: Date;
  expiresAt: Date | undefined;
  deleted: boolean;
}

/** What a writer is told. */
export interface WrittenDocument {
  id: string;
  revision: number;
  etag: string;
  /** False: the same was there already. */
  changed: boolean;
}

export interface DocumentFilter {
  /** These and what is below them. */
  collections?: string[];
  users?: string[];
  /** Metadata that holds these values. */
  metadata?: { [key: string]: Json };
  updatedFrom?: Date;
  updatedBefore?: Date;
}

export interface SearchOptions extends ContextOptions {
  filter?: DocumentFilter;
  /** Default: both where the hub has an embedding model, else by words. */
  mode?: "text" | "vector" | "hybrid";
  /** 1 to 100; default 10. */
  limit?: number;
  /** What a collection counts; default 1. */
  collectionWeights?: Record<string, number>;
  /** How much what is newer counts: 0 (default) to 10. */
  recencyWeight?: number;
}

export interface FoundDocument {
  /** Without its content. */
  document: StoredDocument;
  /** The part that matched best, and where it is in the content (code points). */
  passage: { text: string; start: number; end: number; highlights: { start: number; end: number }[] };
  score: number;
}

export interface ListOptions extends ContextOptions {
  filter?: DocumentFilter;
  /** 1 to 200; default 50. */
  pageSize?: number;
  pageToken?: string;
  omitContent?: boolean;
}

export type SynthesisPart =
  | { kind: "citation"; number: number; documentId: string; title: string; text: string }
  | { kind: "text"; text: string }
  /** The end; `model` is empty when the text is the documents' own sentences. */
  | { kind: "summary"; model: string; passages: number };

export interface ContextChange {
  /** As it is now; undefined: nothing changed, and the cursor moved on. */
  document: StoredDocument | undefined;
  /** To go on from. */
  cursor: string;
}

/**
 * The context hub as `capabilities.context` grants it. Within an event's handling it speaks on behalf of the event's user. What the
 * hub can't do now is tried again within the deadline, as often as that does no harm. Throws `DriverError`: `NotGranted`,
 * `NotFound`, `InvalidInput` (naming the field), `Conflict` (an etag of the past, or the same document is there), `Unavailable`,
 * `Timeout`.
 */
export interface ContextHub {
  /** Whether the Driver object grants it for any collection, as the pod was told: an early answer, the hub's decides. */
  may(verb: "read" | "write" | "search" | "synthesize"): boolean;
  /** Whether the hub answers within a second; undefined: this driver was given the address of none. Needs no grant. */
  reachable(): Promise<boolean | undefined>;
  /** Makes a user known: the one of that name, or the one on whose behalf the event is handled. `created`: he was not before. */
  initUser(options?: ContextOptions & { user?: string }): Promise<{ created: boolean; createdAt: Date }>;
  search(query: string, options?: SearchOptions): Promise<FoundDocument[]>;
  get(id: string, options?: ContextOptions): Promise<StoredDocument>;
  list(options?: ListOptions): Promise<{ documents: StoredDocument[]; nextPageToken: string }>;
  /** The document's revisions, newest first. */
  history(
    id: string,
    options?: ContextOptions & { pageSize?: number; pageToken?: string },
  ): Promise<{ revisions: StoredDocument[]; nextPageToken: string }>;
  /** The same again changes nothing. */
  create(document: NewDocument, options?: ContextOptions): Promise<WrittenDocument>;
  /** The document from now on, whole. `etag`: that it must have. */
  update(
    id: string,
    document: NewDocument,
    options?: ContextOptions & { etag?: string },
  ): Promise<WrittenDocument>;
  delete(id: string, options?: ContextOptions & { etag?: string }): Promise<WrittenDocument>;
  /** Answers from what is found, with citations. Default 60 s. `maxPassages`: 1 to 50; default 10. */
  synthesize(
    query: string,
    options?: ContextOptions & { filter?: DocumentFilter; instruction?: string; maxPassages?: number },
  ): AsyncIterable<SynthesisPart>;
  /** Changes in their order, from `cursor` on (default: from now on; "0": from the beginning), until `signal` is aborted. Goes on by itself when the connection is lost. */
  watch(options: {
    signal: AbortSignal;
    cursor?: string;
    filter?: DocumentFilter;
  }): AsyncIterable<ContextChange>;
}
