import fc from "fast-check";
import { type Granted, METHODS, NAMES, NAMESPACES, SUBSCRIPTIONS, streamOf, TOKENS } from "./grants.ts";
import type { Sent } from "./model.ts";

/** One thing that a raw client tries. */
export interface Probe extends Sent {
  nonce: string;
  body: string;
}

/** A probe as it is drawn: who sends it, and by which number it is known, comes later. */
export type Draw = (
  from: Granted,
  nonce: string,
) => Omit<Probe, "from" | "nonce" | "headers"> & { headers?: Record<string, string> };

const ME = "$me";
/** Half of the time itself: else hardly anything would be granted. */
const who = fc.oneof(fc.constant(ME), fc.constantFrom<string>(...NAMES));
const named = (name: string, from: Granted) => (name === ME ? from.name : name);
const type = fc
  .array(fc.constantFrom(...TOKENS), { minLength: 1, maxLength: 2 })
  .map((parts) => parts.join("."));
const partition = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("0", "7", "63") },
  { weight: 1, arbitrary: fc.constantFrom("64", "x", "*", "-1") },
);
const method = fc.constantFrom(...METHODS);
const subscription = fc.constantFrom(...SUBSCRIPTIONS);
const inbox = (nonce: string) => `_INBOX.probe.${nonce}`;

const EVENT_TRICKS: ((nonce: string, other: string) => Record<string, string>)[] = [
  () => ({ "Nats-Rollup": "all" }),
  () => ({ "Nats-Rollup": "sub" }),
  (nonce) => ({ "Nats-Msg-Id": nonce }),
  (_nonce, other) => ({
    "Nats-Schedule": "@at 2030-01-01T00:00:00Z",
    "Nats-Schedule-Target": `evt.${other}.0.x`,
  }),
  (nonce, other) => ({ "Nats-Trace-Dest": `evt.${other}.0.x.${nonce}` }),
  (nonce) => ({ "Nats-Trace-Dest": inbox(nonce), "Nats-Trace-Only": "true" }),
  () => ({ "Nats-Expected-Stream": "EVENTS" }),
  (_nonce, other) => ({ "Nats-Expected-Stream": `KV_${other}` }),
  () => ({ "Nats-Expected-Last-Msg-Id": "nobody's" }),
  () => ({ "Nats-TTL": "60s" }),
  (nonce) => ({ "Nats-Batch-Id": nonce, "Nats-Batch-Sequence": "1", "Nats-Batch-Commit": "1" }),
  () => ({ "Nats-Incr": "+1" }),
  () => ({ "KV-Operation": "PURGE" }),
  () => ({ "Nats-Stream-Source": "EVENTS 999999 > > x", "Nats-Sequence": "1", "Nats-Subject": "evt.b.0.x" }),
  (_nonce, other) => ({ "Nats-Request-Info": `{"acc":"team","user":"${other}"}` }),
];
const trick = fc.option(fc.tuple(fc.constantFrom(...EVENT_TRICKS), who), { freq: 2, nil: undefined });
const tricked = (drawn: [(typeof EVENT_TRICKS)[number], string] | undefined, from: Granted, nonce: string) =>
  drawn ? drawn[0](nonce, named(drawn[1], from)) : {};

const STREAM_VERBS = [
  "CREATE",
  "UPDATE",
  "INFO",
  "DELETE",
  "PURGE",
  "MSG.GET",
  "MSG.DELETE",
  "SNAPSHOT",
  "RESTORE",
  "PEER.REMOVE",
  "LEADER.STEPDOWN",
];
const CONSUMER_VERBS = [
  "CREATE",
  "DURABLE.CREATE",
  "INFO",
  "DELETE",
  "MSG.NEXT",
  "PAUSE",
  "RESET",
  "UNPIN",
  "LEADER.STEPDOWN",
];
const OTHER_VERBS = [
  "INFO",
  "STREAM.NAMES",
  "STREAM.LIST",
  "META.LEADER.STEPDOWN",
  "SERVER.REMOVE",
  "ACCOUNT.PURGE.team",
  "ACCOUNT.STREAM.MOVE.team.EVENTS",
  "STREAM.TEMPLATE.CREATE.T",
  "STREAM.TEMPLATE.NAMES",
  "CONSUMER.NAMES.EVENTS",
  "CONSUMER.LIST.EVENTS",
  "CONSUMER.CREATE.EVENTS",
  "DIRECT.GET.EVENTS",
  "DIRECT.GET.EVENTS.evt.b.0.x",
  "DIRECT.GET.DEADLETTERS",
  "DIRECT.GET.HANDLINGS",
  "CONSUMER.CREATE.HANDLINGS.mine.run.>",
  "CONSUMER.CREATE.EVENTS.mine.evt.b.0.x",
  "CONSUMER.CREATE.DIRECTED.mine.to.b.>",
];
const stream = fc.oneof(
  fc.constantFrom("EVENTS", "DEADLETTERS", "HANDLINGS", "DIRECTED", "ADVISORIES", "MINE"),
  who.map((name) => `KV_${name}`),
);
/** Those that a driver may have consumers of. */
const delivering = fc.constantFrom("EVENTS", "EVENTS", "HANDLINGS", "DIRECTED");
const verb = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(...STREAM_VERBS), stream).map(([v, s]) => `STREAM.${v}.${s}`),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...CONSUMER_VERBS, "INFO", "MSG.NEXT"),
        fc.oneof({ weight: 3, arbitrary: delivering }, stream),
        who,
        subscription,
      )
      .map(([v, s, name, sub]) => `CONSUMER.${v}.${s}.${name}_${sub}`),
  },
  { weight: 2, arbitrary: fc.constantFrom(...OTHER_VERBS) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(who, who, fc.boolean())
      .map(([a, b, key]) => `DIRECT.GET.KV_${a}${key ? `.$KV.${b}.forged` : ""}`),
  },
);
const prefix = fc.oneof(
  { weight: 4, arbitrary: fc.constant("BUS.API") },
  { weight: 1, arbitrary: fc.constantFrom("$JS.API", "$JS.hub.API") },
);

/** What the server wants to read, so that it would do it. */
function bodyOf(subject: string, from: Granted): string {
  if (subject.includes("MSG.NEXT")) return '{"batch":1,"no_wait":true}';
  if (subject.includes("DIRECT.GET"))
    return subject.includes(".$KV.") ? "" : `{"multi_last":["$KV.${from.name}.>"]}`;
  if (subject.includes("STREAM.CREATE")) return '{"name":"MINE","subjects":["mine.>"]}';
  if (subject.includes("CREATE"))
    return '{"stream_name":"EVENTS","config":{"ack_policy":"none","deliver_subject":"evt.b.0.x"}}';
  if (subject.includes("MSG.GET") || subject.includes("MSG.DELETE")) return '{"seq":1}';
  return "";
}

const plain = (subject: string, nonce: string, body = nonce) => ({ subject, body, reply: inbox(nonce) });

const events: fc.Arbitrary<Draw> = fc
  .tuple(who, partition, type, trick)
  .map(([name, p, what, t]) => (from, nonce) => ({
    ...plain(`evt.${named(name, from)}.${p}.${what}`, nonce),
    headers: tricked(t, from, nonce),
  }));
const values: fc.Arbitrary<Draw> = fc.tuple(who, trick).map(([name, t]) => (from, nonce) => ({
  ...plain(`$KV.${named(name, from)}.${nonce}`, nonce),
  headers: tricked(t, from, nonce),
}));
const direct: fc.Arbitrary<Draw> = fc
  .tuple(fc.constantFrom("pub", "kvw", "dlq", "to", "run", "wake"), who, type)
  .map(
    ([root, name, what]) =>
      (from, nonce) =>
        plain(`${root}.${named(name, from)}${root === "pub" ? ".7" : ""}.${what}`, nonce),
  );
const deadLetters: fc.Arbitrary<Draw> = fc.tuple(who, type).map(
  ([name, what]) =>
    (from, nonce) =>
      plain(`dlq.${named(name, from)}.${what}`, nonce),
);
const handlings: fc.Arbitrary<Draw> = fc.tuple(who, partition, type).map(
  ([name, p, what]) =>
    (from, nonce) =>
      plain(`run.${named(name, from)}.${p}.${what}`, nonce),
);
const lives: fc.Arbitrary<Draw> = fc.tuple(who, type).map(
  ([name, topic]) =>
    (from, nonce) =>
      plain(`live.${named(name, from)}.${topic}`, nonce),
);
const calls: fc.Arbitrary<Draw> = fc
  .tuple(fc.constantFrom(...NAMES), method, who, fc.constantFrom("", "", "", ".more"))
  .map(
    ([callee, m, caller, more]) =>
      (from, nonce) =>
        plain(`call.${callee}.${m}.${named(caller, from)}${more}`, nonce),
  );
const foreignCalls: fc.Arbitrary<Draw> = fc
  .tuple(
    fc.constantFrom(...NAMESPACES),
    fc.constantFrom(...NAMES),
    method,
    fc.constantFrom("", "", "", ".more"),
  )
  .map(
    ([namespace, callee, m, more]) =>
      (_from, nonce) =>
        plain(`xcall.${namespace}.${callee}.${m}${more}`, nonce),
  );
const knocks: fc.Arbitrary<Draw> = fc
  .tuple(fc.constantFrom("wake", ...NAMESPACES.map((namespace) => `xwake.${namespace}`)), who)
  .chain(([root, callee]) =>
    fc.constantFrom("", "", "", ".more").map((more) => [root, callee, more] as const),
  )
  .map(
    ([root, callee, more]) =>
      (from, nonce) =>
        plain(`${root}.${named(callee, from)}${more}`, nonce),
  );
/** What would be another tenant's, written as if one were of it. */
const foreign: fc.Arbitrary<Draw> = fc
  .tuple(fc.constantFrom(...NAMESPACES), who, who, type)
  .chain(([namespace, callee, name, what]) =>
    fc.constantFrom(
      `call.${callee}.send.${name}@${namespace}`,
      `evt.${name}@${namespace}.0.${what}`,
      `xpub.${namespace}.${name}.0.${what}`,
      `$KV.${name}@${namespace}.x`,
      `dlq.${name}@${namespace}.x`,
    ),
  )
  .map((subject) => (from, nonce) => plain(subject.replaceAll(ME, from.name), nonce));
const verbs: fc.Arbitrary<Draw> = fc.tuple(prefix, verb).map(([root, v]) => (from, nonce) => {
  const subject = `${root}.${v}`.replaceAll(ME, from.name);
  return plain(subject, nonce, bodyOf(subject, from));
});
const acks: fc.Arbitrary<Draw> = fc
  .tuple(delivering, who, subscription, fc.constantFrom("1.1.1.1.0", "1.1.1.1.1700000000000000000.0", "x"))
  .map(
    ([from_, name, sub, rest]) =>
      (from, nonce) =>
        plain(`$JS.ACK.${from_}.${named(name, from)}_${sub}.${rest}`, nonce),
  );
const directed: fc.Arbitrary<Draw> = fc.tuple(who, subscription, who, partition, type).map(
  ([name, sub, publisher, p, what]) =>
    (from, nonce) =>
      plain(`to.${named(name, from)}.${sub}.${named(publisher, from)}.${p}.${what}`, nonce),
);
const inner: fc.Arbitrary<Draw> = fc
  .tuple(
    fc.constantFrom(
      "$SYS.REQ.CLAIMS.UPDATE",
      "$SYS.REQ.CLAIMS.DELETE",
      "$SYS.REQ.CLAIMS.LIST",
      "$SYS.REQ.CLAIMS.PACK",
      "$SYS.REQ.USER.AUTH",
      "$SYS.REQ.SERVER.PING",
      "$SYS.REQ.SERVER.PING.VARZ",
      "$SYS.REQ.SERVER.PING.CONFIG",
      "$SYS.REQ.ACCOUNT.AAAA.CONNZ",
      "$SYS.REQ.ACCOUNT.PING.JSZ",
      "$SYS.ACCOUNT.AAAA.DISCONNECT",
      "$SYS.DEBUG.SUBSCRIBERS",
      "_INBOX.victim",
      "$JS.FC.EVENTS.b_default.x",
      "$JS.EVENT.ADVISORY.API",
      "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.EVENTS.b_default",
      "$JS.SNAPSHOT.ACK.EVENTS.x",
      "$NRG.V.x",
      "$GR.x",
      "$MQTT.sub.x",
      "$O.b.C.x",
      "vextir.report",
      "vextir.report",
      "vextir",
      "BUS.API",
      "BUS.API.>",
      "evt",
      "$KV",
      "call",
      "live",
    ),
    fc.constantFrom("", ""),
  )
  .map(
    ([subject]) =>
      (_from, nonce) =>
        plain(subject, nonce),
  );
const reports: fc.Arbitrary<Draw> = fc.tuple(fc.constantFrom(...NAMESPACES), who).map(
  ([namespace, name]) =>
    (from, nonce) =>
      plain(`report.${namespace}.${named(name, from)}`, nonce),
);

/** Subjects that somebody would like the server to send to in his name. */
const target = fc.oneof(
  fc.tuple(who, type).map(([name, what]) => `evt.${name}.0.${what}.#`),
  fc.tuple(who, type).map(([name, what]) => `pub.${name}.0.${what}.#`),
  who.map((name) => `$KV.${name}.#`),
  who.map((name) => `kvw.${name}.#`),
  who.map((name) => `dlq.${name}.#`),
  fc.tuple(who, subscription).map(([name, sub]) => `to.${name}.${sub}.b.0.#`),
  fc.tuple(fc.constantFrom(...NAMES), who).map(([callee, caller]) => `call.${callee}.#.${caller}`),
  who.map((name) => `live.${name}.#`),
  fc.tuple(who, subscription).map(([name, sub]) => `$JS.ACK.EVENTS.${name}_${sub}.#`),
  fc.constantFrom(
    "report.team.#",
    "$JS.API.STREAM.DELETE.#",
    "BUS.API.STREAM.DELETE.#",
    "$JS.API.CONSUMER.DELETE.EVENTS.#",
    "_R_.#",
    "$SYS.REQ.CLAIMS.#",
    "$SYS.ACCOUNT.#.CONNECT",
  ),
);
const routes: ((from: Granted, nonce: string) => { subject: string; body: string })[] = [
  ({ name }) => ({ subject: `BUS.API.DIRECT.GET.KV_${name}.$KV.${name}.forged`, body: "" }),
  ({ name }) => ({ subject: `BUS.API.DIRECT.GET.KV_${name}`, body: `{"multi_last":["$KV.${name}.forged"]}` }),
  ({ name, subscriptions: [one] }) => ({
    subject: `BUS.API.CONSUMER.MSG.NEXT.${one ? streamOf(one) : "EVENTS"}.${name}_${one?.name ?? "default"}`,
    body: '{"batch":1,"no_wait":true}',
  }),
  ({ name, subscriptions }) => ({
    subject: `BUS.API.CONSUMER.MSG.NEXT.DIRECTED.${name}_${subscriptions[0]?.name ?? "default"}`,
    body: '{"batch":1,"no_wait":true}',
  }),
  ({ name, subscriptions }) => ({
    subject: `BUS.API.CONSUMER.INFO.EVENTS.${name}_${subscriptions[0]?.name ?? "default"}`,
    body: "",
  }),
  ({ name, publish }, nonce) => ({
    subject: `evt.${name}.0.${(publish[0] ?? "x").replaceAll(/[*>]/g, "x")}`,
    body: nonce,
  }),
  ({ name }, nonce) => ({ subject: `$KV.${name}.redirected`, body: nonce }),
  ({ name }, nonce) => ({ subject: `dlq.${name}.x`, body: nonce }),
  (_from, nonce) => ({ subject: "vextir.report", body: nonce }),
];
const redirections: fc.Arbitrary<Draw> = fc
  .tuple(fc.constantFrom(...routes), target)
  .map(([route, to]) => (from, nonce) => ({
    ...route(from, nonce),
    reply: to.replaceAll("#", nonce).replaceAll(ME, from.name),
  }));
const callRedirections: fc.Arbitrary<Draw> = fc
  .tuple(fc.constantFrom(...NAMES), method, target)
  .map(([callee, m, to]) => (from, nonce) => ({
    subject: `call.${callee}.${m}.${from.name}`,
    body: nonce,
    reply: to.replaceAll("#", nonce).replaceAll(ME, from.name),
  }));

export const probe: fc.Arbitrary<Draw> = fc.oneof(
  { weight: 10, arbitrary: events },
  { weight: 5, arbitrary: values },
  { weight: 4, arbitrary: direct },
  { weight: 2, arbitrary: deadLetters },
  { weight: 4, arbitrary: handlings },
  { weight: 3, arbitrary: directed },
  { weight: 4, arbitrary: lives },
  { weight: 6, arbitrary: calls },
  { weight: 6, arbitrary: foreignCalls },
  { weight: 3, arbitrary: knocks },
  { weight: 3, arbitrary: foreign },
  { weight: 14, arbitrary: verbs },
  { weight: 4, arbitrary: acks },
  { weight: 5, arbitrary: inner },
  { weight: 2, arbitrary: reports },
  { weight: 14, arbitrary: redirections },
  { weight: 3, arbitrary: callRedirections },
);

const pattern = fc
  .array(fc.oneof(fc.constantFrom<string>(...TOKENS), fc.constant("*")), { maxLength: 1 })
  .chain((first) => fc.constantFrom<string>(...TOKENS, "*", ">").map((last) => [...first, last].join(".")));

/** What a raw client subscribes to. */
export interface DrawnListening {
  pattern: (from: Granted) => string;
  queue: boolean;
}

const listened = fc
  .oneof(
    fc.constantFrom(
      ">",
      "*.>",
      "*.*.*.*",
      "evt.>",
      "pub.>",
      "kvw.>",
      "$KV.>",
      "live.>",
      "call.>",
      "dlq.>",
      "to.>",
      "wake.>",
      "_INBOX.>",
      "_R_.>",
      "$JS.>",
      "$JS.API.>",
      "$SYS.>",
      "BUS.>",
      "report.>",
      "xpub.>",
      "xcall.>",
      "xpub.*.*.7.>",
    ),
    fc
      .tuple(fc.constantFrom("evt", "pub", "$KV", "kvw", "live", "call", "dlq", "to"), who)
      .map(([root, name]) => `${root}.${name}.>`),
    fc
      .tuple(fc.oneof(who, fc.constant("*")), fc.constantFrom("*", "7"), pattern)
      .map(([name, p, what]) => `pub.${name}.${p}.${what}`),
    fc.tuple(fc.constantFrom(...NAMES, "*"), pattern).map(([name, topic]) => `live.${name}.${topic}`),
  )
  .map((subject) => (from: Granted) => subject.replaceAll(ME, from.name));

export const listening: fc.Arbitrary<DrawnListening> = fc.record({ pattern: listened, queue: fc.boolean() });
