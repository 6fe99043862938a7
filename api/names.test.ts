import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  CallPattern,
  covers,
  DriverName,
  EventType,
  LivePattern,
  matches,
  normalizePatterns,
  ObservePattern,
  overlaps,
  partialOverlaps,
  TypePattern,
} from "./names.ts";

const token = fc.stringMatching(/^[a-c]$/);
const type = fc.array(token, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("."));
const pattern = fc
  .tuple(fc.array(fc.oneof(token, fc.constant("*")), { minLength: 0, maxLength: 3 }), fc.boolean())
  .map(([parts, tail]) => [...parts, ...(tail || parts.length === 0 ? [">"] : [])].join("."));

/** Every type of up to five parts over three tokens, to compare the rules with their meaning. */
const every: string[] = [];
for (let level = [""], depth = 0; depth < 5; depth++) {
  level = level.flatMap((prefix) => ["a", "b", "c"].map((t) => (prefix ? `${prefix}.${t}` : t)));
  every.push(...level);
}

describe("patterns", () => {
  const table = [
    { pattern: "a.b", type: "a.b", want: true, reason: "equal" },
    { pattern: "a.*", type: "a.b", want: true, reason: "* is one part" },
    { pattern: "a.*", type: "a.b.c", want: false, reason: "* is not two parts" },
    { pattern: "a.>", type: "a", want: false, reason: "> wants at least one part" },
    { pattern: "a.>", type: "a.b.c", want: true, reason: "> is all the rest" },
    { pattern: ">", type: "a", want: true, reason: "> alone matches everything" },
    { pattern: "a.b", type: "a", want: false, reason: "shorter" },
    { pattern: "*.b", type: "a.c", want: false, reason: "another token" },
  ];
  test.each(table)("$pattern / $type: $reason", (c) => {
    expect(matches(c.pattern, c.type)).toBe(c.want);
  });

  test("covers and overlaps say what the sets of matched types say", () => {
    fc.assert(
      fc.property(pattern, pattern, (a, b) => {
        const inA = every.filter((t) => matches(a, t));
        const inB = every.filter((t) => matches(b, t));
        expect(covers(a, b)).toBe(inB.every((t) => inA.includes(t)));
        expect(overlaps(a, b)).toBe(inB.some((t) => inA.includes(t)));
      }),
      { numRuns: 300 },
    );
  });

  test("normalising loses no type, and what is left overlaps only in part", () => {
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 6 }), type, (patterns, t) => {
        const kept = normalizePatterns(patterns);
        expect(kept.some((p) => matches(p, t))).toBe(patterns.some((p) => matches(p, t)));
        for (const p of kept) for (const q of kept) if (p !== q) expect(covers(p, q)).toBe(false);
        for (const [p, q] of partialOverlaps(patterns)) expect(overlaps(p, q)).toBe(true);
      }),
    );
  });
});

describe("names", () => {
  const table = [
    { schema: EventType, value: "chat.message.received", ok: true, reason: "a type" },
    { schema: EventType, value: "chat.*", ok: false, reason: "a type is no pattern" },
    { schema: EventType, value: "chat..x", ok: false, reason: "an empty part" },
    { schema: EventType, value: "chat.é", ok: false, reason: "not ASCII: NATS clients throw" },
    { schema: EventType, value: "live.x", ok: false, reason: "live. is kept for live topics" },
    { schema: EventType, value: "lively.x", ok: true, reason: "only the whole part is kept" },
    { schema: EventType, value: `a${".a".repeat(100)}`, ok: false, reason: "over 200 characters" },
    { schema: TypePattern, value: "chat.>", ok: true, reason: "a pattern" },
    { schema: TypePattern, value: "chat.>.x", ok: false, reason: "> only at the end" },
    { schema: TypePattern, value: "chat>", ok: false, reason: "> stands alone" },
    { schema: TypePattern, value: "live.assistant.x", ok: false, reason: "live topics are only observed" },
    { schema: ObservePattern, value: "live.assistant.>", ok: true, reason: "every topic of one driver" },
    { schema: ObservePattern, value: "chat.>", ok: true, reason: "types" },
    { schema: ObservePattern, value: "live.assistant", ok: false, reason: "no topic" },
    { schema: LivePattern, value: "live.assistant.tokens.*", ok: true, reason: "a live topic" },
    { schema: LivePattern, value: "live.*.tokens", ok: false, reason: "the driver is named" },
    { schema: CallPattern, value: "toolbox.*", ok: true, reason: "every method of one driver" },
    { schema: CallPattern, value: "*.verify", ok: true, reason: "one method of every driver" },
    { schema: CallPattern, value: "toolbox", ok: false, reason: "no method" },
    { schema: CallPattern, value: "a.b.c", ok: false, reason: "three parts" },
    { schema: DriverName, value: "a".repeat(40), ok: true, reason: "40 characters" },
    { schema: DriverName, value: "a".repeat(41), ok: false, reason: "41 characters" },
    { schema: DriverName, value: "a.b", ok: false, reason: "a dot would be another subject part" },
    {
      schema: DriverName,
      value: "a_b",
      ok: false,
      reason: "_ parts driver and subscription in a consumer's name",
    },
    { schema: DriverName, value: "1a", ok: false, reason: "a Service's name begins with a letter" },
    { schema: DriverName, value: "-a", ok: false, reason: "begins with -" },
    { schema: DriverName, value: ">", ok: false, reason: "a wildcard" },
  ];
  test.each(table)("$value: $reason", ({ schema, value, ok }) => {
    expect(schema.safeParse(value).success).toBe(ok);
  });
});

test("what another tenant shares is meant by no wildcard for one's own", () => {
  for (const own of [">", "*.>", "*.*.*", "*"]) {
    expect(covers(own, "@shop.order.paid")).toBe(false);
    expect(overlaps(own, "@shop.order.paid")).toBe(false);
    expect(covers("@shop.>", own)).toBe(false);
  }
  expect(covers("@shop.>", "@shop.order.paid")).toBe(true);
  expect(covers("@shop.>", "@mail.order.paid")).toBe(false);
  expect(normalizePatterns([">", "@shop.a"])).toEqual([">", "@shop.a"]);
});
