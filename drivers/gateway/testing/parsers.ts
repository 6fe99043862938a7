import fc from "fast-check";
import { z } from "zod";
import { readBinary } from "../cloudevents/binary.ts";
import { readBatch, readStructured } from "../cloudevents/structured.ts";
import { preferred } from "../http/accept.ts";
import { waitPreference } from "../http/prefer.ts";
import { readOlder } from "../older/read.ts";
import { Problem } from "../problem.ts";
import { repoEvent } from "../repos/webhook-events.ts";
import { readPlace } from "../streams/place.ts";
import { PUSHES } from "./webhooks.ts";

const EVENT = {
  specversion: "1.0",
  id: "1",
  source: "/s",
  type: "a.b",
  time: "2026-01-01T00:00:00Z",
  data: {},
};
const OLDER = {
  timestamp: "2025-03-01T08:00:00",
  source: "x",
  type: "a.b",
  user_id: "u",
  metadata: {},
  history: [],
};

const anything = fc.anything({ maxDepth: 2, withNullPrototype: false });
const json = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.string(),
  fc.constantFrom("__proto__", "1.0", "\u0000", "\ud800", Number.MAX_VALUE, -0),
);

/** An object near to a good one: some members replaced, some further ones. */
const near = (good: object) =>
  fc
    .dictionary(fc.constantFrom(...Object.keys(good), "userid", "data_base64", "x", "__proto__"), json, {
      maxKeys: 3,
    })
    .map((changes) => ({ ...good, ...changes }));
const bytes = (value: fc.Arbitrary<unknown>) =>
  fc.oneof(
    { weight: 8, arbitrary: value.map((each) => Buffer.from(JSON.stringify(each) ?? "")) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((each) => Buffer.from(each)) },
    { weight: 1, arbitrary: fc.string({ maxLength: 60 }).map((each) => Buffer.from(each)) },
  );
const HEADERS = [
  "ce-id",
  "ce-type",
  "ce-source",
  "ce-specversion",
  "ce-time",
  "ce-x",
  "ce-userid",
  "ce-__proto__",
  "content-type",
];
const headers = fc
  .dictionary(
    fc.constantFrom(...HEADERS),
    fc.oneof(fc.string(), fc.constantFrom("1.0", "a.b", "%zz", '"a\\"', "text/plain")),
    { maxKeys: 4 },
  )
  .map((changes) => ({
    "ce-id": "1",
    "ce-type": "a.b",
    "ce-source": "/s",
    "ce-specversion": "1.0",
    ...changes,
  }));
const KINDS = ["push", "pull_request", "issues", "Push Hook", "Merge Request Hook", "Issue Hook"];
const hook = fc.oneof(near(PUSHES.github), near(PUSHES.gitlab), anything);

/** Every parser of what strangers send, with inputs for it. What it throws must be an answer that blames the sender. */
export const parsers: Record<
  string,
  { input: fc.Arbitrary<unknown[]>; parse: (...input: never[]) => unknown }
> = {
  structured: { input: fc.tuple(bytes(near(EVENT))), parse: readStructured },
  batch: {
    input: fc.tuple(bytes(fc.array(near(EVENT), { maxLength: 3 })), fc.constant(2)),
    parse: readBatch,
  },
  binary: { input: fc.tuple(headers, bytes(json)), parse: readBinary },
  older: { input: fc.tuple(bytes(near(OLDER))), parse: readOlder },
  webhook: {
    input: fc.tuple(fc.constantFrom("github", "gitlab", "gitea"), fc.constantFrom(...KINDS), hook),
    parse: repoEvent,
  },
  prefer: {
    input: fc.tuple(fc.oneof(fc.string(), fc.stringMatching(/^wait=\d{1,3}; ?until="?[a-z.]*"?$/))),
    parse: waitPreference,
  },
  accept: {
    input: fc.tuple(
      fc.oneof(
        fc.string(),
        fc.stringMatching(/^([a-z*]{1,3}\/[a-z*]{1,3}(; ?q=[01](\.\d{0,4})?)?,? ?){0,4}$/),
      ),
      fc.constant(["a/a", "b/b"]),
    ),
    parse: preferred,
  },
  place: {
    input: fc.tuple(fc.oneof(fc.string(), fc.stringMatching(/^\d{0,16}-\d{0,16}$/))),
    parse: readPlace,
  },
};

const blamesSender = (error: unknown) =>
  error instanceof z.ZodError || (error instanceof Problem && error.status < 500);

/** @throws Error with the input that a parser did not stand. */
export function fuzz(name: string, numRuns: number): { taken: number; refused: number } {
  const parser = parsers[name];
  if (!parser) throw new RangeError(`no parser "${name}"`);
  const counts = { taken: 0, refused: 0 };
  fc.assert(
    fc.property(parser.input, (input) => {
      try {
        parser.parse(...(input as never[]));
        counts.taken++;
      } catch (error) {
        if (!blamesSender(error)) throw error;
        counts.refused++;
      }
    }),
    { numRuns },
  );
  return counts;
}
