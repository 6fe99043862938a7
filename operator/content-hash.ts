import { createHash } from "node:crypto";
import { canonicalJson } from "@vextir/api";

/** The first 16 hex digits of the SHA-256 of a value's canonical JSON. */
export function contentHash(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 16);
}
