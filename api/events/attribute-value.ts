/** As the HTTP binding (CloudEvents 1.0.2, section 3.1.3.2) and so the NATS binding percent-encode a header's value. */
const ENCODED = /[^\x21-\x7e]|["%]/;

/** A value that fits in one header line. */
export function encodeValue(text: string): string {
  if (!ENCODED.test(text)) return text;
  let encoded = "";
  for (const char of text.toWellFormed()) encoded += ENCODED.test(char) ? encodeChar(char) : char;
  return encoded;
}

function encodeChar(char: string): string {
  let encoded = "";
  for (const byte of Buffer.from(char, "utf8"))
    encoded += `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return encoded;
}

/** Reads what `encodeValue` wrote; text that is not percent-encoded correctly is taken as it is. */
export function decodeValue(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
