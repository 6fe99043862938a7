import { hash } from "node:crypto";

/** A UUID of what makes a thing the same. With the publisher in it, nobody makes another's event look like a repetition. */
export function identityOf(...parts: readonly (string | number)[]): string {
  const hex = hash("sha256", JSON.stringify(parts), "hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    "-",
  );
}
