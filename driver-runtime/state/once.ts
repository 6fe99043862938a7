import { randomUUID } from "node:crypto";
import { DriverError } from "../errors.ts";
import type { Bucket } from "./bucket.ts";
import type { Once } from "./state.ts";

const DEFAULT_TTL_MS = 7 * 24 * 3_600_000;
const LEVEL = "once";

type Record_ =
  | { status: "Begun"; idempotencyKey: string }
  | { status: "Done"; idempotencyKey: string; result?: unknown };

/**
 * Does work once per key, as far as that is possible: what was done is remembered and not done again. Work that ended
 * without a word (the process died between doing it and noting it) is done again with the same idempotency key, by which
 * the other side knows it. Two pods that begin at the same moment both work, with the same idempotency key.
 */
export function createOnce(bucket: Bucket): Once {
  const running = new Map<string, Promise<unknown>>();
  return async <T>(
    key: string,
    work: (idempotencyKey: string) => T | Promise<T>,
    { ttlMs = DEFAULT_TTL_MS } = {},
  ) => {
    const known = running.get(key);
    if (known !== undefined) return known as Promise<T>;
    const result = runOnce(bucket, `${LEVEL}.${key}`, work, ttlMs);
    running.set(key, result);
    try {
      return await result;
    } finally {
      running.delete(key);
    }
  };
}

async function runOnce<T>(
  bucket: Bucket,
  key: string,
  work: (idempotencyKey: string) => T | Promise<T>,
  ttlMs: number,
): Promise<T> {
  const { record, revision } = await begin(bucket, key, ttlMs);
  if (record.status === "Done") return record.result as T;
  const { idempotencyKey } = record;
  const result = await work(idempotencyKey);
  const done: Record_ = { status: "Done", idempotencyKey, ...(result !== undefined && { result }) };
  try {
    await bucket.write(key, done, { expected: revision, ttlMs });
  } catch (error) {
    if (!isConflict(error)) throw error;
    // Another pod noted it first.
    const other = await bucket.get<Record_>(key);
    if (other?.value.status === "Done") return other.value.result as T;
    await bucket.write(key, done, { ttlMs });
  }
  return result;
}

async function begin(
  bucket: Bucket,
  key: string,
  ttlMs: number,
): Promise<{ record: Record_; revision: number }> {
  for (;;) {
    const entry = await bucket.get<Record_>(key);
    if (entry) return { record: entry.value, revision: entry.revision };
    const record: Record_ = { status: "Begun", idempotencyKey: randomUUID() };
    try {
      return { record, revision: await bucket.createWith(key, record, { ttlMs }) };
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }
}

const isConflict = (error: unknown) => error instanceof DriverError && error.code === "Conflict";
