import { DriverError } from "../errors.ts";

/** Bytes of a key, encoded. */
const MAX_KEY_BYTES = 512;
const PLAIN = /^[A-Za-z0-9_/-]+$/;

/**
 * A key as tokens of a subject: what NATS or its key-value convention don't take is written `=XX` per byte of UTF-8, as is
 * `=` itself. @throws DriverError `InvalidInput` for an empty level or a key that is too long.
 */
export function encodeKey(key: string): string {
  const encoded = key.split(".").map(encodeToken).join(".");
  return bounded(encoded, key);
}

/** As `encodeKey`, with `*` for one level and a final `>` for the rest. */
export function encodePattern(pattern: string): string {
  const tokens = pattern.split(".");
  const encoded = tokens.map((token, i) =>
    token === "*" || (token === ">" && i === tokens.length - 1) ? token : encodeToken(token),
  );
  return bounded(encoded.join("."), pattern);
}

export function decodeKey(encoded: string): string {
  if (!encoded.includes("=")) return encoded;
  return decodeURIComponent(encoded.replaceAll("%", "%25").replaceAll("=", "%"));
}

function encodeToken(token: string): string {
  if (PLAIN.test(token)) return token;
  let encoded = "";
  for (const char of token.toWellFormed())
    encoded += PLAIN.test(char)
      ? char
      : [...Buffer.from(char, "utf8")]
          .map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`)
          .join("");
  return encoded;
}

function bounded(encoded: string, key: string): string {
  const problem = encoded.split(".").includes("")
    ? "its levels, between the dots, must not be empty"
    : encoded.length > MAX_KEY_BYTES && `it must not be longer than ${MAX_KEY_BYTES} bytes`;
  if (problem)
    throw new DriverError("InvalidInput", `the key ${JSON.stringify(key.slice(0, 80))}: ${problem}`);
  return encoded;
}
