/** What a client may wish for with its event. */
export interface WaitPreference {
  seconds: number;
  /** Type of the event that ends the wait. */
  until?: string;
}

interface Preference {
  name: string;
  value: string;
  parameters: Map<string, string>;
}

const TOKEN = String.raw`[!#$%&'*+\-.^_\x60|~0-9A-Za-z]+`;
const WORD = String.raw`(?:${TOKEN}|"(?:[^"\\]|\\.)*")`;
/** `token [ = word ]`, whitespace around it allowed. */
const PAIR = new RegExp(`\\s*(${TOKEN})\\s*(?:=\\s*(${WORD}))?\\s*`, "y");

/**
 * `Prefer: wait=10; until="chat.message.sent"` (RFC 7240; `until` is ours). What is not understood is no error: section 2 of
 * the RFC has servers ignore it. Undefined when no wait is asked for.
 */
export function waitPreference(header: string | undefined): WaitPreference | undefined {
  const wait = parsePrefer(header ?? "").find((preference) => preference.name === "wait");
  if (!wait || !/^\d{1,9}$/.test(wait.value) || Number(wait.value) === 0) return undefined;
  const until = wait.parameters.get("until");
  return { seconds: Number(wait.value), ...(until && { until }) };
}

/** Preferences in the order of the header; empty elements are skipped, and parsing stops at the first fault. */
function parsePrefer(header: string): Preference[] {
  const preferences: Preference[] = [];
  let at = 0;
  const pair = () => {
    PAIR.lastIndex = at;
    const match = PAIR.exec(header);
    if (match) at = PAIR.lastIndex;
    return match && { name: (match[1] ?? "").toLowerCase(), value: unquote(match[2] ?? "") };
  };
  const separator = (sign: string) => {
    while (header[at] === " " || header[at] === "\t") at++;
    return header[at] === sign && at++ >= 0;
  };
  do {
    const first = pair();
    const parameters = new Map<string, string>();
    while (separator(";")) {
      const parameter = pair();
      if (parameter) parameters.set(parameter.name, parameter.value);
    }
    if (first) preferences.push({ ...first, parameters });
  } while (separator(","));
  return preferences;
}

function unquote(word: string): string {
  return word.startsWith('"') ? word.slice(1, -1).replaceAll(/\\(.)/gs, "$1") : word;
}
