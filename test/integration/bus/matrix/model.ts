import { type Granted, METHODS, streamOf } from "./grants.ts";

/** A message that a driver's raw client sends. */
export interface Sent {
  from: Granted;
  subject: string;
  /** Where the answer is asked for. */
  reply: string;
  headers: Readonly<Record<string, string>>;
}

/** Where a message is seen: in an account, under a subject. Accounts: `team` (a bus), `team/a` (a driver), `vextir`, `SYS`. */
export type Place = string;
const at = (account: string, subject: string): Place => `${account} ${subject}`;

/** The words of NATS subjects, as a regular expression: written here once more, so that nothing of the code under test is used. */
export function fits(pattern: string, subject: string): boolean {
  const parts = pattern.split(".").map((part, i, all) => {
    if (part === ">" && i === all.length - 1) return ".+";
    return part === "*" ? "[^.]+" : part.replaceAll(/[$^*+?()[\]{}|\\/>-]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("\\.")}$`).test(subject);
}

const someFits = (patterns: readonly string[], value: string) => patterns.some((p) => fits(p, value));
const isForeign = (pattern: string) => pattern.startsWith("@");
const isLive = (pattern: string) => pattern.startsWith("live.");
export const accountOf = ({ namespace, name }: Granted) => `${namespace}/${name}`;

/** What the drivers' objects and the design say of a message: everywhere it is seen, and whether somebody answers it. */
export interface Expected {
  places: Place[];
  /** Whether an answer comes; undefined: it depends on what is stored. */
  answered: boolean | undefined;
  /** Consumers that are given the event. */
  consumers?: string[];
}

export function expected(sent: Sent, everybody: readonly Granted[]): Expected {
  const { from, subject } = sent;
  if ("Nats-Trace-Only" in sent.headers) return { places: [], answered: undefined };
  if (takenByNobody(sent)) return { places: [], answered: false };
  const home = at(accountOf(from), subject);
  const beyond = outside(sent, everybody);
  const traced = trace(sent, everybody);
  return {
    places: [home, ...beyond.places, ...(traced?.places ?? [])],
    answered: beyond.answered,
    consumers: [...(beyond.consumers ?? []), ...(traced?.consumers ?? [])],
  };
}

/** The server tells of the message's way as if the driver itself sent it that. */
function trace({ from, headers }: Sent, everybody: readonly Granted[]): Expected | undefined {
  const subject = headers["Nats-Trace-Dest"];
  return subject === undefined ? undefined : expected({ from, subject, reply: "", headers: {} }, everybody);
}

/** What nats-server keeps for itself: a client's message with such a subject, or such a reply, goes nowhere. */
const takenByNobody = ({ subject, reply }: Sent) =>
  /^\$(GR|NRG)\./.test(subject) || /^(\$JS\.ACK|_R_)\./.test(reply);

function outside(sent: Sent, everybody: readonly Granted[]): Expected {
  const { from, subject } = sent;
  const { namespace, name } = from;
  const [root = "", second = "", third = "", ...rest] = subject.split(".");
  const to = (account: string, there = subject): Expected => ({
    places: [at(account, there)],
    answered: true,
  });
  const nowhere: Expected = { places: [], answered: false };
  const tenant = everybody.filter((driver) => driver.namespace === namespace);

  switch (root) {
    case "evt":
      if (second !== name || third === "" || !someFits(from.publish, rest.join("."))) return nowhere;
      return told(sent, event(sent, tenant, third, rest.join(".")), everybody, rest.join("."));
    case "$KV":
      if (second !== name || !from.state || third === "") return nowhere;
      return stored(
        sent,
        namespace,
        `kvw.${[second, third, ...rest].join(".")}`,
        tenant,
        (driver) => driver.name === name,
      );
    case "dlq":
      return second === name && third !== "" && from.subscriptions.some((s) => s.deadLetter)
        ? to(namespace)
        : nowhere;
    case "run":
      if (second !== name || third === "" || !from.subscriptions.some((s) => s.from === "Events"))
        return nowhere;
      return { ...to(namespace), consumers: given("Handlings", tenant, rest.join(".")) };
    case "call":
      return call(sent, tenant);
    case "xcall":
      return foreignCall(sent, everybody);
    case "live":
      return second === name ? live(subject, from, tenant) : nowhere;
    case "vextir":
      return subject === "vextir.report" ? to("vextir", `report.${namespace}.${name}`) : nowhere;
    case "BUS":
      return second === "API" ? api(from, [third, ...rest].join(".")) : nowhere;
    case "$JS":
      return jetstream(from, subject);
    default:
      return knock(sent, everybody);
  }
}

function call({ from, subject }: Pick<Sent, "from" | "subject">, tenant: readonly Granted[]): Expected {
  const [, callee = "", method = "", caller, ...more] = subject.split(".");
  // Its own methods are at home, and its own pods may answer or not.
  if (callee === from.name) return { places: [], answered: undefined };
  const to = tenant.find(({ name }) => name === callee);
  const may = caller === from.name && more.length === 0 && someFits(from.call, `${callee}.${method}`);
  return to && may
    ? { places: [at(accountOf(to), subject)], answered: true }
    : { places: [], answered: false };
}

/** Heard in the callee's bus account, by whoever scales it, where any method of the callee may be called. */
function knock({ from, subject }: Sent, everybody: readonly Granted[]): Expected {
  const own = /^wake\.([^.]+)$/.exec(subject);
  const foreign = /^xwake\.([^.]+)\.([^.]+)$/.exec(subject);
  const [namespace = "", callee = ""] = own ? [from.namespace, own[1]] : (foreign?.slice(1) ?? []);
  const tenant = everybody.filter((driver) => driver.namespace === from.namespace);
  const may = METHODS.some((method) => {
    const called = own
      ? call({ from, subject: `call.${callee}.${method}.${from.name}` }, tenant)
      : foreignCall({ from, subject: `xcall.${namespace}.${callee}.${method}` }, everybody);
    return called.places.length > 0;
  });
  return { places: may ? [at(namespace, `wake.${callee}`)] : [], answered: false };
}

/** What the other tenant shares, by the word of both. */
const shared = ({ foreign: { exported, imported, types, methods } }: Granted) =>
  exported && imported ? { types, methods } : { types: [], methods: [] };

/** A stored event is told to drivers of the other tenant too, that are granted its type, which is shared. */
function told({ from }: Sent, outcome: Expected, everybody: readonly Granted[], type: string): Expected {
  const published = outcome.places.find((place) => place.startsWith(`${from.namespace} pub.`));
  if (!published) return outcome;
  const subject = published.replace(`${from.namespace} pub.`, `xpub.${from.namespace}.`);
  const watching = everybody.filter(
    (driver) =>
      driver.namespace !== from.namespace &&
      someFits(shared(driver).types, type) &&
      someFits(driver.observe.filter(isForeign), `@${from.namespace}.${type}`),
  );
  return {
    ...outcome,
    places: [...outcome.places, ...watching.map((driver) => at(accountOf(driver), subject))],
  };
}

function foreignCall(
  { from, subject }: Pick<Sent, "from" | "subject">,
  everybody: readonly Granted[],
): Expected {
  const [, namespace = "", callee = "", method = "", ...more] = subject.split(".");
  const to = everybody.find((one) => one.namespace === namespace && one.name === callee);
  const may =
    namespace !== from.namespace &&
    more.length === 0 &&
    someFits(shared(from).methods, `${callee}.${method}`) &&
    someFits(from.call.filter(isForeign), `@${namespace}.${callee}.${method}`);
  return to && may
    ? {
        places: [at(accountOf(to), `call.${callee}.${method}.${from.name}@${from.namespace}`)],
        answered: true,
      }
    : { places: [], answered: false };
}

function live(subject: string, from: Granted, tenant: readonly Granted[]): Expected {
  const watching = tenant.filter(
    ({ name, observe }) => name !== from.name && observe.some((p) => isLive(p) && fits(p, subject)),
  );
  return { places: watching.map((driver) => at(accountOf(driver), subject)), answered: false };
}

function event(sent: Sent, tenant: readonly Granted[], partition: string, type: string): Expected {
  const { name, namespace } = sent.from;
  const outcome = stored(sent, namespace, `pub.${name}.${partition}.${type}`, tenant, (driver) =>
    someFits(
      driver.observe.filter((p) => !isLive(p)),
      type,
    ),
  );
  if (refusedByStream(sent)) return outcome;
  const consumers = given("Events", tenant, type);
  // What would be a wildcard is stored, and not told to observers.
  return partition === "*"
    ? { places: [at(namespace, sent.subject)], answered: true, consumers }
    : { ...outcome, consumers };
}

/** Consumers that a message of this type goes to. */
const given = (origin: "Events" | "Handlings", tenant: readonly Granted[], type: string) =>
  tenant.flatMap((driver) =>
    driver.subscriptions
      .filter(({ from, types }) => from === origin && someFits(types, type))
      .map((subscription) => `${accountOf(driver)} ${driver.name}_${subscription.name}`),
  );

/** A message into a stream that tells observers what it stored. */
function stored(
  sent: Sent,
  bus: string,
  republished: string,
  tenant: readonly Granted[],
  watches: (driver: Granted) => boolean,
): Expected {
  const arrival = at(bus, sent.subject);
  if (refusedByStream(sent)) return { places: [arrival], answered: true };
  const watching = tenant.filter(watches).map((driver) => at(accountOf(driver), republished));
  return { places: [arrival, at(bus, republished), ...watching], answered: true };
}

/** Headers that would change more than the message that carries them, or that it is not what it was expected to be. */
function refusedByStream({ subject, headers }: Sent): boolean {
  const isEvent = subject.startsWith("evt.");
  const stream = isEvent ? "EVENTS" : `KV_${subject.split(".")[1]}`;
  if (
    ["Nats-Rollup", "Nats-Schedule", "Nats-Batch-Id", "Nats-Incr", "Nats-Stream-Source"].some(
      (name) => name in headers,
    )
  )
    return true;
  if ("Nats-TTL" in headers && isEvent) return true;
  const expectedStream = headers["Nats-Expected-Stream"];
  if (expectedStream !== undefined && expectedStream !== stream) return true;
  return headers["Nats-Expected-Last-Msg-Id"] !== undefined;
}

/** Own consumers and the own bucket. */
function api({ namespace, name, state, subscriptions }: Granted, verb: string): Expected {
  const own = subscriptions.flatMap((subscription) => {
    return [streamOf(subscription), "DIRECTED"].flatMap((stream) => {
      const consumer = `${stream}.${name}_${subscription.name}`;
      return [`CONSUMER.INFO.${consumer}`, `CONSUMER.MSG.NEXT.${consumer}`];
    });
  });
  const bucket = `DIRECT.GET.KV_${name}`;
  const allowed = own.includes(verb) || (state && (verb === bucket || fits(`${bucket}.$KV.${name}.>`, verb)));
  if (!allowed) return { places: [], answered: false };
  const subject = `$JS.API.${verb}`;
  const places = [at(namespace, subject), ...(verb.startsWith("CONSUMER.INFO.") ? [at("SYS", subject)] : [])];
  // A pull is answered by an event, if there is one, under the event's own subject.
  return { places, answered: verb.includes("MSG.NEXT") ? undefined : true };
}

function jetstream({ namespace, name, subscriptions }: Granted, subject: string): Expected {
  const acks = subscriptions.some((s) =>
    [streamOf(s), "DIRECTED"].some((stream) => fits(`$JS.ACK.${stream}.${name}_${s.name}.>`, subject)),
  );
  if (acks) return { places: [at(namespace, subject)], answered: undefined };
  // The API of its own account, which has no JetStream: the server says so.
  const asks = fits("$JS.API.>", subject) && !/DIRECT\.GET|MSG\.NEXT/.test(subject);
  return { places: asks ? [at("SYS", subject)] : [], answered: undefined };
}

/**
 * Where events that a driver pulls may be seen beside its own account. A pull that asks its answer to where the driver may call brings
 * the event into the callee's account too, under the subject that it was stored with (nats-server 2.15.2; other answers stay at home, and
 * from there it goes nowhere else): as if the driver had passed it on, which it may. Nobody listens for such subjects there.
 */
export function relays(probes: readonly Sent[], everybody: readonly Granted[]): Set<string> {
  const found = new Set<string>();
  for (const { from, subject, reply } of probes) {
    const consumer = subject.split(".").at(-1) ?? "";
    if (!subject.includes(".CONSUMER.MSG.NEXT.") || !reply.startsWith("call.")) continue;
    for (const place of outside({ from, subject: reply, reply: "", headers: {} }, everybody).places)
      found.add(`${place.split(" ")[0]} ${consumer}`);
  }
  return found;
}
