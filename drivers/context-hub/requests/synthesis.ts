import { type ContextHub, type DocumentFilter, DriverError } from "@vextir/driver-runtime";

/** What the hub made of documents. */
export interface Synthesis {
  text: string;
  /** Empty: the text is the documents' own sentences. */
  model: string;
  citations: { number: number; documentId: string; title: string; text: string }[];
}

export interface Question {
  query: string;
  instruction?: string | undefined;
  filter: DocumentFilter;
  /** Default: the hub's. */
  maxPassages?: number;
  timeoutMs: number;
  signal: AbortSignal;
}

/** Longer ones are cut: an event has to hold it. */
const MAX_TEXT = 65_536;
const MAX_CITED = 500;

/** The hub's whole answer. @throws DriverError `NotFound` when no document says anything of it, or as the hub's call does */
export async function synthesis(
  hub: Pick<ContextHub, "synthesize">,
  { query, instruction, signal, ...rest }: Question,
): Promise<Synthesis> {
  const made: Synthesis = { text: "", model: "", citations: [] };
  let whole = false;
  const options = { ...rest, signal, ...(instruction && { instruction }) };
  for await (const part of hub.synthesize(query, options)) {
    if (part.kind === "citation") {
      const { number, documentId, title, text } = part;
      made.citations.push({ number, documentId, title, text: text.slice(0, MAX_CITED) });
    } else if (part.kind === "text") made.text = `${made.text}${part.text}`.slice(0, MAX_TEXT);
    else {
      made.model = part.model;
      whole = true;
    }
  }
  signal.throwIfAborted();
  if (!whole) throw new DriverError("Unavailable", "the hub broke off in the middle of a synthesis");
  if (made.text.trim() === "")
    throw new DriverError("NotFound", "no document says anything of it that may be read");
  return { ...made, text: made.text.trim() };
}
