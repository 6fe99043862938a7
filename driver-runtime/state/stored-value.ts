import type { Msg } from "@nats-io/nats-core";
import { headersOf } from "../bus/message-headers.ts";
import { DriverError } from "../errors.ts";
import { decodeJson } from "../events/payload.ts";
import { decodeKey } from "./key.ts";

export const OPERATION = "KV-Operation";

/** A message of the bucket's stream: a value, or the mark that a key was deleted. */
export interface StoredValue {
  key: string;
  revision: number;
  deleted: boolean;
  payload: Uint8Array;
  /** Messages that come after this one in the same answer; undefined when it does not say. */
  pending?: number;
}

/** Reads what a direct get answers (headers `Nats-Subject`, `Nats-Sequence`) or what is republished. Undefined: neither. */
export function readStored(message: Msg, subjectPrefix: string): StoredValue | undefined {
  const map = headersOf(message);
  const subject = map.get("Nats-Subject") ?? "";
  const revision = Number(map.get("Nats-Sequence"));
  if (!subject.startsWith(subjectPrefix) || !(revision > 0)) return undefined;
  const pending = map.get("Nats-Num-Pending");
  return {
    key: decodeKey(subject.slice(subjectPrefix.length)),
    revision,
    deleted: map.has(OPERATION) || map.has("Nats-Marker-Reason"),
    payload: message.data,
    ...(pending !== undefined && { pending: Number(pending) }),
  };
}

/** @throws DriverError `InvalidOutput` when something else than this runtime wrote what is no JSON. */
export function parsedValue<T>({ key, payload }: StoredValue): T {
  try {
    return decodeJson(payload) as T;
  } catch (cause) {
    throw new DriverError("InvalidOutput", `the value of the key "${key}" is no JSON`, { cause });
  }
}
