import { describe, expect, test } from "@jest/globals";
import { Capabilities, matches, Subscription } from "@vextir/api";
import fc from "fast-check";
import { BusError, type DriverAccess } from "./authority.ts";
import { driverExports } from "./exports.ts";
import { type ImportSources, importedPeers, importsFor } from "./imports.ts";

const sources: ImportSources = {
  bus: "BUS",
  vextir: "VEXTIR",
  driver: (uid) => `ACCOUNT-${uid}`,
  busOf: (namespace) => `BUS-${namespace}`,
};

const NAMES = ["a", "b", "a-b", "reader"] as const;
const TOKENS = ["mail", "chat", "x"] as const;
const type = fc
  .array(fc.constantFrom(...TOKENS), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join("."));
const pattern = fc
  .tuple(fc.array(fc.constantFrom(...TOKENS, "*"), { maxLength: 2 }), fc.constantFrom(...TOKENS, "*", ">"))
  .map(([parts, last]) => [...parts, last].join("."));
const callPattern = fc
  .tuple(fc.constantFrom(...NAMES, "*"), fc.constantFrom("send", "read", "*"))
  .map((parts) => parts.join("."));
const livePattern = fc
  .tuple(fc.constantFrom(...NAMES), pattern)
  .map(([name, topic]) => `live.${name}.${topic}`);

const access = fc
  .record({
    name: fc.constantFrom(...NAMES),
    peers: fc.uniqueArray(fc.constantFrom(...NAMES)),
    // One pattern each, so that none overlap; what overlaps is refused as a whole (below).
    publish: fc.array(pattern, { maxLength: 1 }),
    observe: fc
      .tuple(fc.array(pattern, { maxLength: 1 }), fc.array(livePattern, { maxLength: 1 }))
      .map((both) => both.flat()),
    call: fc.array(callPattern, { maxLength: 3 }),
    state: fc.boolean(),
    subscriptions: fc.uniqueArray(fc.constantFrom("default", "b-c"), { maxLength: 2 }),
    deadLetter: fc.boolean(),
    from: fc.constantFrom("Events", "Handlings"),
    ordering: fc.constantFrom("None", "ByKey"),
  })
  .map(
    ({ name, peers, subscriptions, deadLetter, from, ordering, ...capabilities }): DriverAccess => ({
      namespace: "team",
      name,
      uid: `uid-${name}`,
      peers: new Map(peers.filter((peer) => peer !== name).map((peer) => [peer, `uid-${peer}`])),
      subscriptions: subscriptions.map((subscription) =>
        Subscription.parse({
          ...{ name: subscription, types: ["mail"], from, ordering },
          ...{ lanes: 3, delivery: { deadLetter } },
        }),
      ),
      capabilities: Capabilities.parse(capabilities),
    }),
  );

/** A subject of somebody's account, of every kind that there is, and whether the driver is granted it. */
interface Probe {
  account: string;
  subject: string;
  granted: (driver: DriverAccess) => boolean;
}

const name = fc.constantFrom(...NAMES);
const anyOf = (patterns: readonly string[], value: string) => patterns.some((p) => matches(p, value));
const ownConsumer = (d: DriverAccess, stream: string, consumer: string) =>
  d.subscriptions.some((s) => {
    const whole = `${d.name}_${s.name}`;
    if (stream === "DIRECTED") return consumer === whole;
    const own = s.ordering === "ByKey" ? ["0", "1", "2"].map((lane) => `${whole}_3-${lane}`) : [whole];
    return own.includes(consumer) && stream === (s.from === "Events" ? "EVENTS" : "HANDLINGS");
  });
const consumerOf = fc
  .tuple(name, fc.constantFrom("default", "b-c"), fc.constantFrom("", "_3-0", "_3-2", "_3-3", "_4-0"))
  .map(([driver, subscription, lane]) => `${driver}_${subscription}${lane}`);

const probes: fc.Arbitrary<Probe>[] = [
  fc.tuple(name, type).map(([who, what]) => ({
    account: "BUS",
    subject: `evt.${who}.7.${what}`,
    granted: (d) => who === d.name && anyOf(d.capabilities.publish, what),
  })),
  fc.tuple(name, type).map(([who, what]) => ({
    account: "BUS",
    subject: `pub.${who}.7.${what}`,
    granted: (d) =>
      anyOf(
        d.capabilities.observe.filter((p) => !p.startsWith("live.")),
        what,
      ),
  })),
  fc.tuple(name, fc.constantFrom("send", "read"), name).map(([callee, method, caller]) => ({
    account: `ACCOUNT-uid-${callee}`,
    subject: `call.${callee}.${method}.${caller}`,
    granted: (d) =>
      caller === d.name && d.peers.has(callee) && anyOf(d.capabilities.call, `${callee}.${method}`),
  })),
  name.map((callee) => ({
    account: "BUS",
    subject: `wake.${callee}`,
    granted: (d) =>
      callee !== d.name &&
      d.peers.has(callee) &&
      d.capabilities.call.some((pattern) => matches(pattern.split(".")[0] ?? "", callee)),
  })),
  fc.tuple(name, type).map(([who, topic]) => ({
    account: `ACCOUNT-uid-${who}`,
    subject: `live.${who}.${topic}`,
    granted: (d) =>
      d.peers.has(who) &&
      anyOf(
        d.capabilities.observe.filter((p) => p.startsWith("live.")),
        `live.${who}.${topic}`,
      ),
  })),
  fc
    .tuple(fc.constantFrom("EVENTS", "HANDLINGS", "DIRECTED"), consumerOf)
    .chain(([stream, consumer]) =>
      fc
        .constantFrom(
          `$JS.API.CONSUMER.INFO.${stream}.${consumer}`,
          `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
          `$JS.ACK.${stream}.${consumer}.1.2.3.4.5`,
        )
        .map((subject) => ({ account: "BUS", subject, granted: (d) => ownConsumer(d, stream, consumer) })),
    ),
  fc.tuple(name, type).map(([who, what]) => ({
    account: "BUS",
    subject: `to.${who}.default.${who}.7.${what}`,
    granted: () => false,
  })),
  fc.tuple(name, type).map(([who, what]) => ({
    account: "BUS",
    subject: `run.${who}.0.${what}`,
    granted: (d) => who === d.name && d.subscriptions.some((s) => s.from === "Events"),
  })),
  name.chain((who) =>
    fc
      .constantFrom(
        `$KV.${who}.key`,
        `kvw.${who}.key`,
        `$JS.API.DIRECT.GET.KV_${who}`,
        `$JS.API.DIRECT.GET.KV_${who}.$KV.${who}.key`,
      )
      .map((subject) => ({
        account: "BUS",
        subject,
        granted: (d) => who === d.name && d.capabilities.state,
      })),
  ),
  fc.tuple(name, type).map(([who, what]) => ({
    account: "BUS",
    subject: `dlq.${who}.${what}`,
    granted: (d) => who === d.name && d.subscriptions.some((s) => s.delivery.deadLetter),
  })),
  fc.tuple(fc.constantFrom("team", "other"), name).map(([namespace, who]) => ({
    account: "VEXTIR",
    subject: `report.${namespace}.${who}`,
    granted: (d) => namespace === d.namespace && who === d.name,
  })),
  fc
    .constantFrom(
      "$JS.API.INFO",
      "$JS.API.STREAM.CREATE.X",
      "$JS.API.STREAM.DELETE.EVENTS",
      "$JS.API.STREAM.INFO.EVENTS",
      "$JS.API.STREAM.MSG.GET.EVENTS",
      "$JS.API.DIRECT.GET.EVENTS",
      "$JS.API.CONSUMER.CREATE.EVENTS.a_default.x",
      "$JS.API.CONSUMER.DURABLE.CREATE.EVENTS.a_default",
      "$JS.API.CONSUMER.CREATE.KV_a.x",
      "$JS.API.CONSUMER.DELETE.EVENTS.a_default",
      "$JS.API.CONSUMER.RESET.EVENTS.a_default",
      "$JS.API.CONSUMER.UNPIN.EVENTS.a_default",
      "$JS.API.STREAM.PURGE.KV_a",
      "$SYS.REQ.CLAIMS.UPDATE",
      "_INBOX.x.y",
    )
    .map((subject) => ({ account: "BUS", subject, granted: () => false })),
];

describe("importsFor", () => {
  test("a subject of another account is reached if, and only if, it is granted", () => {
    fc.assert(
      fc.property(access, fc.oneof(...probes), (driver, { account, subject, granted }) => {
        const reached = importsFor(driver, sources).some(
          (i) => i.account === account && matches(i.subject, subject),
        );
        // Its own account is no import: what is in there it reaches anyway, and only its own pods are there.
        const own = account === `ACCOUNT-${driver.uid}`;
        expect(reached).toBe(!own && granted(driver));
      }),
      { numRuns: 3_000 },
    );
  });

  test("imports of one kind never overlap: the server would deliver twice", () => {
    fc.assert(
      fc.property(access, (driver) => {
        const imports = importsFor(driver, sources).map((i) => `${i.account} ${i.type} ${i.subject}`);
        expect(new Set(imports).size).toBe(imports.length);
      }),
    );
  });

  test("every account that is imported from is named beforehand", () => {
    fc.assert(
      fc.property(access, (driver) => {
        const accounts = new Set(importsFor(driver, sources).map((i) => i.account));
        const named = importedPeers(driver).map((peer) => `ACCOUNT-uid-${peer}`);
        expect(accounts).toEqual(new Set(["BUS", "VEXTIR", ...named].filter((a) => accounts.has(a))));
        expect(named.every((a) => accounts.has(a))).toBe(true);
      }),
    );
  });

  test("what it imports of another driver is exported by that one", () => {
    fc.assert(
      fc.property(access, (driver) => {
        for (const { account, subject, type } of importsFor(driver, sources)) {
          const peer = /^ACCOUNT-uid-(.*)$/.exec(account)?.[1];
          if (peer === undefined) continue;
          const offered = driverExports(peer).filter((e) => e.type === type);
          expect(offered.some((e) => matches(e.subject, subject.replaceAll(/[*>]/g, "x")))).toBe(true);
        }
      }),
    );
  });

  test.each([
    { capabilities: { publish: ["a.*", "*.b"] }, field: "publish" },
    { capabilities: { observe: ["a.*.c", "a.b.*"] }, field: "observe" },
    { capabilities: { observe: ["live.x.a.*", "live.x.*.b"] }, field: "observe" },
  ])("overlapping patterns in $field are Invalid", ({ capabilities, field }) => {
    const driver: DriverAccess = {
      namespace: "team",
      name: "d",
      uid: "u",
      subscriptions: [],
      capabilities: Capabilities.parse(capabilities),
      peers: new Map([["x", "ux"]]),
    };
    expect(() => importsFor(driver, sources)).toThrow(
      expect.objectContaining({ code: "Invalid", message: expect.stringContaining(field) }),
    );
    expect(() => importsFor(driver, sources)).toThrow(BusError);
  });
});
