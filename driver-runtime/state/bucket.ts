import { randomUUID } from "node:crypto";
import { streams, subjects } from "@vextir/api";
import type { Logger } from "pino";
import { isFailure, type Link } from "../bus/link.ts";
import { messageHeaders } from "../bus/message-headers.ts";
import { MESSAGE_ID, type Store } from "../bus/store.ts";
import type { Grants } from "../driver/grants.ts";
import { DriverError } from "../errors.ts";
import { encodeJson } from "../events/payload.ts";
import { encodeKey, encodePattern } from "./key.ts";
import { type Listing, pages } from "./pages.ts";
import type { State, StateChange, StateEntry, Watch } from "./state.ts";
import { OPERATION, parsedValue, readStored, type StoredValue } from "./stored-value.ts";
import { watchBucket } from "./watch.ts";

export interface BucketParts {
  driver: string;
  apiPrefix: string;
  link: Link;
  store: Store;
  grants: Grants;
  log: Logger;
}

const EXPECTED_REVISION = "Nats-Expected-Last-Subject-Sequence";
const TTL = "Nats-TTL";
/** Marks of deleted keys are dropped after it; a watcher that was away longer misses them. */
const TOMBSTONE_TTL_S = 24 * 3_600;
const GET_TIMEOUT_MS = 5_000;
const GET_ATTEMPTS = 5;
const MAX_KEYS = 1_000_000;

interface Write {
  /** 0: the key must not be there. */
  expected?: number | undefined;
  ttlMs?: number | undefined;
  deletes?: boolean;
}

/**
 * The driver's bucket over what its account imports: `$KV.<driver>.>`, direct gets of its stream and the republished
 * changes. No consumer is ever made: who may make one may do more than that.
 */
export class Bucket implements State {
  readonly #parts: BucketParts;
  readonly #api: string;
  readonly #prefix: string;

  constructor(parts: BucketParts) {
    this.#parts = parts;
    this.#api = `${parts.apiPrefix}.DIRECT.GET.${streams.state(parts.driver)}`;
    this.#prefix = subjects.state(parts.driver, "");
  }

  async get<T = unknown>(key: string): Promise<StateEntry<T> | undefined> {
    const stored = await this.#last(key);
    return stored && !stored.deleted
      ? { key, value: parsedValue<T>(stored), revision: stored.revision }
      : undefined;
  }

  async put(key: string, value: unknown): Promise<number> {
    return this.write(key, value, {});
  }

  async create(key: string, value: unknown): Promise<number> {
    return this.createWith(key, value, {});
  }

  /** As `create`, with a time to live. */
  async createWith(key: string, value: unknown, write: Write): Promise<number> {
    try {
      return await this.write(key, value, { ...write, expected: 0 });
    } catch (error) {
      if (!(error instanceof DriverError) || error.code !== "Conflict") throw error;
      const stored = await this.#last(key);
      // The mark of a deleted key counts as a revision.
      if (!stored?.deleted)
        throw new DriverError("Conflict", `the key "${key}" is there already`, { cause: error });
      return this.write(key, value, { ...write, expected: stored.revision });
    }
  }

  async update(key: string, value: unknown, revision: number): Promise<number> {
    return this.write(key, value, { expected: revision });
  }

  async delete(key: string, revision?: number): Promise<void> {
    await this.write(key, undefined, { expected: revision, deletes: true, ttlMs: TOMBSTONE_TTL_S * 1e3 });
  }

  async keys(pattern = ">"): Promise<string[]> {
    const keys = new Set<string>();
    for await (const stored of this.#walk(pattern)) {
      if (stored.deleted) keys.delete(stored.key);
      else keys.add(stored.key);
      if (keys.size > MAX_KEYS)
        throw new DriverError(
          "TooLarge",
          `more than ${MAX_KEYS} keys match "${pattern}": walk them with entries()`,
        );
    }
    return [...keys].toSorted();
  }

  async *entries<T = unknown>(pattern = ">"): AsyncIterable<StateEntry<T>> {
    for await (const stored of this.#walk(pattern))
      if (!stored.deleted)
        yield { key: stored.key, value: parsedValue<T>(stored), revision: stored.revision };
  }

  async watch<T = unknown>(
    pattern: string,
    changed: (change: StateChange<T>) => void | Promise<void>,
  ): Promise<Watch> {
    const { driver, link, grants, log } = this.#parts;
    grants.state();
    const listing = this.#listing(pattern);
    return watchBucket<T>({
      link,
      listing,
      changes: subjects.stateChange(driver, listing.pattern),
      changed,
      log,
    });
  }

  /** Writes one value. @throws DriverError as `State` says. */
  async write(key: string, value: unknown, { expected, ttlMs, deletes }: Write): Promise<number> {
    const { driver, grants, store } = this.#parts;
    grants.state();
    if (!deletes && value === undefined)
      throw new DriverError(
        "InvalidInput",
        `the value of the key "${key}" is undefined; use delete to remove a key`,
      );
    const set = messageHeaders({
      [MESSAGE_ID]: randomUUID(),
      ...(expected !== undefined && { [EXPECTED_REVISION]: String(expected) }),
      ...(deletes && { [OPERATION]: "DEL" }),
      ...(ttlMs !== undefined && { [TTL]: `${Math.max(1, Math.ceil(ttlMs / 1e3))}s` }),
    });
    const { sequence } = await store.put({
      subject: subjects.state(driver, encodeKey(key)),
      payload: encodeJson(value, `the value of the key "${key}"`),
      headers: set,
      what: `the key "${key}"`,
      refused: () => grants.heldBack(`the key "${key}"`),
    });
    return sequence;
  }

  async *#walk(pattern: string): AsyncGenerator<StoredValue> {
    this.#parts.grants.state();
    for await (const page of pages(this.#parts.link, this.#listing(pattern), 1)) yield* page;
  }

  #listing(pattern: string): Listing {
    return { api: this.#api, subjectPrefix: this.#prefix, pattern: encodePattern(pattern) };
  }

  async #last(key: string): Promise<StoredValue | undefined> {
    const { link, grants } = this.#parts;
    grants.state();
    const subject = `${this.#api}.${this.#prefix}${encodeKey(key)}`;
    for (let attempt = 1; ; attempt++) {
      const answer = await link.request(subject, "", { timeoutMs: GET_TIMEOUT_MS });
      if (!isFailure(answer)) {
        const code = answer.headers?.code ?? 0;
        if (code === 0) return readStored(answer, this.#prefix);
        if (code === 404) return undefined;
      }
      if (answer === "Closed")
        throw new DriverError("Closed", `the key "${key}": the connection to the bus is closed`);
      if (attempt < GET_ATTEMPTS) continue;
      if (answer === "NoResponders" || answer === "Denied")
        throw grants.refusal("use state, says the bus", "state", true);
      throw new DriverError("Unavailable", `the key "${key}" could not be read: the bus does not answer`);
    }
  }
}
