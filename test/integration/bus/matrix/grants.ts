import fc from "fast-check";

/** Two tenants with drivers of the same names, two of which begin alike. */
export const NAMESPACES = ["team", "other"] as const;
export const NAMES = ["a", "b", "a-b", "reader"] as const;
export const TOKENS = ["mail", "chat", "x"] as const;
export const METHODS = ["send", "read"] as const;
export const SUBSCRIPTIONS = ["default", "b-c"] as const;

/** What one tenant shares with the other: both sides may say so, or one of them, or none. */
export interface Sharing {
  types: readonly string[];
  methods: readonly string[];
  exported: boolean;
  imported: boolean;
}

export interface Subscribed {
  name: string;
  from: "Events" | "Handlings";
  types: readonly string[];
  deadLetter: boolean;
}

/** The stream that its messages come from. */
export const streamOf = ({ from }: Subscribed) => (from === "Events" ? "EVENTS" : "HANDLINGS");

/** What one driver is granted, in the words of its object. */
export interface Granted {
  namespace: string;
  name: string;
  publish: readonly string[];
  observe: readonly string[];
  call: readonly string[];
  state: boolean;
  subscriptions: readonly Subscribed[];
  /** What the other tenant shares with the driver's. */
  foreign: Sharing;
}

export const otherTenant = (namespace: string) => NAMESPACES.find((one) => one !== namespace) ?? "";

const token = fc.constantFrom(...TOKENS);
/** A pattern of types. */
const pattern = fc.oneof(
  { weight: 1, arbitrary: fc.constant(">") },
  {
    weight: 5,
    arbitrary: fc
      .tuple(
        fc.array(fc.oneof(token, fc.constant("*")), { maxLength: 1 }),
        fc.oneof(token, fc.constantFrom("*", ">")),
      )
      .map(([first, last]) => [...first, last].join(".")),
  },
);
export const times = <T>(arbitrary: fc.Arbitrary<T>, count: number) =>
  fc.array(arbitrary, { minLength: count, maxLength: count });

/** No two of them share a type, since such a set is refused: their first parts differ. */
const patterns = fc.oneof(
  { weight: 2, arbitrary: fc.array(pattern, { maxLength: 1 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.shuffledSubarray([...TOKENS], { minLength: 2 }), fc.constantFrom("", ".*", ".>"))
      .map(([firsts, rest]) => firsts.map((first) => first + rest)),
  },
);
const live = fc.tuple(fc.constantFrom(...NAMES), pattern).map(([name, topic]) => `live.${name}.${topic}`);
const call = fc
  .tuple(fc.constantFrom(...NAMES, "*"), fc.constantFrom(...METHODS, "*"))
  .map((parts) => parts.join("."));

/** Of the other tenant; its name is put in later. */
const foreign = (name: fc.Arbitrary<string>) =>
  fc.array(
    name.map((one) => `@other-tenant.${one}`),
    { maxLength: 1 },
  );

const sharing: fc.Arbitrary<Sharing> = fc.record({
  types: patterns,
  methods: fc.array(call, { maxLength: 2 }),
  exported: fc.boolean(),
  imported: fc.boolean(),
});

const from = fc.constantFrom("Events", "Events", "Handlings" as const);

const granted = fc.record({
  publish: patterns,
  observe: fc.tuple(patterns, fc.array(live, { maxLength: 1 }), foreign(pattern)).map((all) => all.flat()),
  call: fc.tuple(fc.array(call, { maxLength: 2 }), foreign(call)).map((both) => both.flat()),
  state: fc.boolean(),
  subscriptions: fc
    .tuple(
      fc.subarray([...SUBSCRIPTIONS]),
      times(fc.record({ from, types: patterns, deadLetter: fc.boolean() }), 2),
    )
    .map(([names, rest]) =>
      names
        .map((name, i): Subscribed => ({ name, from: "Events", types: ["x"], deadLetter: true, ...rest[i] }))
        .filter((s) => s.types.length > 0),
    ),
});

/** The grants of every driver of both tenants. */
export const everybody: fc.Arbitrary<Granted[]> = fc
  .tuple(times(granted, NAMESPACES.length * NAMES.length), times(sharing, NAMESPACES.length))
  .map(([all, shared]) =>
    all.map((one, i) => {
      const tenant = Math.floor(i / NAMES.length);
      const namespace = NAMESPACES[tenant] ?? "";
      const named = (grant: string) => grant.replace("@other-tenant", `@${otherTenant(namespace)}`);
      return {
        ...one,
        namespace,
        name: NAMES[i % NAMES.length] ?? "",
        observe: one.observe.map(named),
        call: one.call.map(named),
        foreign: shared[tenant] as Sharing,
      };
    }),
  );
