import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { compileFilters } from "../filters/index.ts";
import { type Filter, ORDERED_LANES, Subscription } from "../kinds/driver.ts";
import { matches, normalizePatterns, partialOverlaps } from "../names.ts";
import { consumersOf, lanesOf, subscriptionOfConsumer } from "./lanes.ts";
import { PARTITIONS, subjects } from "./subjects.ts";

const RUNS = Number(process.env["VEXTIR_FUZZ_RUNS"] ?? 3_000);

const subscription = (rest: object) => Subscription.parse({ types: ["mail.>"], ...rest });

test.each([
  { reason: "no order: one", rest: {}, names: ["d_default"] },
  {
    reason: "fewer in hand than lanes",
    rest: { ordering: "ByKey", delivery: { maxAckPending: 2 } },
    names: ["d_default_2-0", "d_default_2-1"],
  },
  {
    reason: "as many as are asked for",
    rest: { ordering: "ByKey", lanes: 3 },
    names: ["d_default_3-0", "d_default_3-1", "d_default_3-2"],
  },
  { reason: "no order, whatever is asked for", rest: { lanes: 64 }, names: ["d_default"] },
  {
    reason: "one in hand",
    rest: { ordering: "ByKey", delivery: { maxAckPending: 1 } },
    names: ["d_default_1-0"],
  },
])("consumers: $reason", ({ rest, names }) => {
  expect(consumersOf("d", subscription(rest))).toEqual(names);
  for (const name of names)
    expect(subscriptionOfConsumer(name)).toEqual({ driver: "d", subscription: "default" });
});

test.each(["d", "d_", "d_a_b", "d_a_16", "d_a_16-0_1"])("%s is nobody's consumer", (name) => {
  expect(subscriptionOfConsumer(name)).toBeUndefined();
});

test("an ordered subscription's lanes share the partitions", () => {
  const lanes = lanesOf("d", subscription({ ordering: "ByKey", from: "Handlings" }));
  expect(lanes).toHaveLength(ORDERED_LANES);
  expect(lanes[3]).toEqual({
    stream: "HANDLINGS",
    consumer: `d_default_${ORDERED_LANES}-3`,
    maxAckPending: 1,
    filterSubjects: lanes[3]?.filterSubjects.filter((subject) => /^run\.\*\.\d+\.mail\.>$/.test(subject)),
  });
  expect(new Set(lanes.flatMap((lane) => lane.filterSubjects)).size).toBe(PARTITIONS);
});

describe("what the bus selects", () => {
  const part = fc.constantFrom("a", "b", "ab");
  const type = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("."));
  const prefix = fc.tuple(type, fc.constantFrom("", ".")).map(([text, end]) => text + end);
  const patterns = fc
    .array(
      fc
        .tuple(fc.array(fc.constantFrom("a", "b", "*"), { minLength: 1, maxLength: 3 }), fc.boolean())
        .map(([parts, open]) => [...parts, ...(open ? [">"] : [])].join(".")),
      { minLength: 1, maxLength: 4 },
    )
    .filter((types) => partialOverlaps(types).length === 0);
  const user = fc.constantFrom("ada", "bob");
  const condition = fc.oneof(
    type.map((text) => `type = '${text}'`),
    type.map((text) => `'${text}' = type`),
    prefix.map((text) => `type LIKE '${text}%'`),
    type.map((text) => `type LIKE '%${text}'`),
    fc.array(type, { minLength: 1, maxLength: 3 }).map((texts) => `type IN ('${texts.join("', '")}')`),
    type.map((text) => `type NOT IN ('${text}')`),
    type.map((text) => `type != '${text}'`),
    user.map((name) => `userid = '${name}'`),
    fc.constantFrom("nothere = 1", "TRUE", "FALSE", "EXISTS userid", "priority < 5", "type = 1"),
  );
  const operator = fc.constantFrom("AND", "OR", "XOR");
  const cesql = fc
    .tuple(condition, operator, condition, operator, condition, fc.boolean())
    .map(([a, one, b, two, c, not]) => `(${a} ${one} ${b}) ${two} ${not ? "NOT " : ""}(${c})`);
  const { filter } = fc.letrec<{ filter: Filter }>((tie) => ({
    filter: fc.oneof(
      { maxDepth: 3 },
      fc
        .tuple(type, fc.option(user))
        .map(([text, name]): Filter => ({ exact: { type: text, ...(name && { userid: name }) } })),
      prefix.map((text): Filter => ({ prefix: { type: text } })),
      type.map((text): Filter => ({ suffix: { type: text } })),
      user.map((name): Filter => ({ exact: { userid: name } })),
      cesql.map((text): Filter => ({ cesql: text })),
      tie("filter").map((inner): Filter => ({ not: inner })),
      fc.array(tie("filter"), { minLength: 1, maxLength: 3 }).map((all): Filter => ({ all })),
      fc.array(tie("filter"), { minLength: 1, maxLength: 3 }).map((any): Filter => ({ any })),
    ),
  }));
  const subscriptions = fc
    .record({
      types: patterns,
      filters: fc.array(filter, { maxLength: 3 }),
      ordering: fc.constantFrom("None", "ByKey"),
      lanes: fc.constantFrom(undefined, 1, 5, 64),
      delivery: fc.record({ maxAckPending: fc.constantFrom(1, 3, 64, 256) }),
    })
    .map((input) => Subscription.parse(input));
  const event = fc.record({
    publisher: fc.constantFrom("a", "x"),
    partition: fc.nat({ max: PARTITIONS - 1 }),
    type,
    userid: fc.option(user, { nil: undefined }),
  });

  /** How many lanes bring the event. */
  const deliveries = (
    given: Subscription,
    { publisher, partition, type }: { publisher: string; partition: number; type: string },
  ) =>
    lanesOf("d", given).filter(({ filterSubjects }) =>
      filterSubjects.some((each) => matches(each, subjects.event(publisher, partition, type))),
    ).length;

  test("with the runtime's filter lets pass exactly what that filter alone would, each once", () => {
    fc.assert(
      fc.property(subscriptions, event, (given, one) => {
        const passes = compileFilters(given.filters)((name) =>
          name === "type" ? one.type : name === "userid" ? one.userid : undefined,
        );
        const subscribed = given.types.some((each) => matches(each, one.type));
        const brought = deliveries(given, one);
        expect(brought).toBeLessThanOrEqual(1);
        expect(brought === 1 && subscribed && passes).toBe(subscribed && passes);
        if (!subscribed) expect(brought).toBe(0);
      }),
      { numRuns: RUNS },
    );
  });

  test("is what JetStream takes: disjoint and bounded", () => {
    fc.assert(
      fc.property(subscriptions, (given) => {
        const all = lanesOf("d", given).map((lane) => lane.filterSubjects);
        for (const filters of all) {
          expect(normalizePatterns(filters)).toEqual(filters);
          expect(partialOverlaps(filters)).toEqual([]);
        }
        expect(all.flat().length).toBeLessThanOrEqual(PARTITIONS * PARTITIONS);
      }),
      { numRuns: Math.ceil(RUNS / 50) },
    );
  });

  test("is no more than filters of the type ask for", () => {
    const narrow = subscription({
      types: ["mail.>", "chat.*"],
      filters: [
        { any: [{ exact: { type: "chat.sent" } }, { cesql: "type LIKE 'mail.in.%' AND userid = 'ada'" }] },
      ],
    });
    expect(lanesOf("d", narrow)[0]?.filterSubjects).toEqual(["evt.*.*.mail.in.>", "evt.*.*.chat.sent"]);
  });
});
