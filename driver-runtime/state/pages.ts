import { createInbox, type Msg } from "@nats-io/nats-core";
import type { Link, Listening } from "../bus/link.ts";
import { DriverError } from "../errors.ts";
import { readStored, type StoredValue } from "./stored-value.ts";

/** Values per request; the bus takes up to 1,024, and a page is held in memory. */
const PAGE = 256;
const PAGE_BYTES = 4 * 1_048_576;
const TIMEOUT_MS = 5_000;
const ATTEMPTS = 5;

export interface Listing {
  /** `$JS.API.DIRECT.GET.<stream>` as the driver imports it. */
  api: string;
  /** `$KV.<driver>.` */
  subjectPrefix: string;
  /** Encoded. */
  pattern: string;
}

/**
 * Every stored value from a revision on, in order of revision. The bucket keeps one message per key, so walking the stream
 * by subject gives each key once; one that changes meanwhile is given again with its new revision.
 */
export async function* pages(
  link: Link,
  listing: Listing,
  fromRevision: number,
): AsyncGenerator<StoredValue[]> {
  for (let next = fromRevision; ; ) {
    const page = await retried(link, listing, next);
    if (page.values.length > 0) yield page.values;
    const last = page.values.at(-1);
    if (!last || !page.more) return;
    next = last.revision + 1;
  }
}

interface Page {
  values: StoredValue[];
  more: boolean;
}

async function retried(link: Link, listing: Listing, from: number): Promise<Page> {
  for (let attempt = 1; ; attempt++) {
    await link.whenUp(TIMEOUT_MS);
    // The page may come over another connection: first the server must know that this one listens, for who follows changes.
    const isSettled = await link.settled(TIMEOUT_MS);
    const page = isSettled ? await request(link, listing, from) : "the bus did not answer in time";
    if (typeof page !== "string") return page;
    if (attempt >= ATTEMPTS) throw new DriverError("Unavailable", `the state could not be listed: ${page}`);
  }
}

/**
 * One page, or why there is none. The answer is listened for on each connection that may carry the request, so it may come twice.
 */
function request(link: Link, { api, subjectPrefix, pattern }: Listing, from: number): Promise<Page | string> {
  const inbox = createInbox();
  const values: StoredValue[] = [];
  return new Promise((resolve) => {
    let listening: Listening | undefined;
    const end = (result: Page | string) => {
      clearTimeout(timer);
      off();
      listening?.stop();
      resolve(result);
    };
    const timer = setTimeout(() => end("the bus did not answer in time"), TIMEOUT_MS);
    const off = link.onChange(() => end("the connection to the bus was lost"));
    const received = (message: Msg) => {
      timer.refresh();
      const word = statusOf(message);
      if (word === "end") end({ values, more: (values.at(-1)?.pending ?? 0) > 0 || values.length === PAGE });
      else if (word !== undefined) end(word);
      else {
        const stored = readStored(message, subjectPrefix);
        if (stored && stored.revision > (values.at(-1)?.revision ?? 0)) values.push(stored);
      }
    };
    try {
      listening = link.listen(inbox, { received, refused: (error) => end(error.message) });
    } catch (error) {
      // The connection is being closed.
      return end((error as Error).message);
    }
    const body = {
      seq: Math.max(1, from),
      next_by_subj: subjectPrefix + pattern,
      batch: PAGE,
      max_bytes: PAGE_BYTES,
    };
    if (!link.send(api, JSON.stringify(body), { reply: inbox })) end("the connection to the bus is away");
  });
}

/** `end` for the end of a page, or nothing there; undefined for a value; else what is wrong. */
function statusOf(message: Msg): string | undefined {
  const { code = 0, description = "" } = message.headers ?? {};
  if (code === 0) return undefined;
  if (code === 204 || code === 404) return "end";
  return code === 503 ? "the bus gives this driver no state (yet)" : `${code} ${description}`;
}
