import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { jetstream } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import {
  API_VERSION,
  BUS_API_PREFIX,
  consumerName,
  DriverName,
  DriverSpec,
  EventBusSpec,
  streams,
  subjects,
} from "@vextir/api";
import { BusError } from "@vextir/operator/bus/authority.ts";
import { importsFor } from "@vextir/operator/bus/imports.ts";
import { bucketStream, ownSubscription } from "@vextir/operator/bus/streams.ts";
import { readableSources } from "@vextir/operator/explain/explain.ts";
import fc from "fast-check";
import type { z } from "zod";
import { eventually } from "../../fixtures/eventually.ts";
import { collection, World } from "./world.ts";

type SpecInput = z.input<typeof DriverSpec>;

let world: World;
/** As long as a namespace's name may be. */
const namespace = `n${"-".repeat(61)}n`;

beforeAll(async () => {
  world = await World.start();
  const answer = await world.api.request("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  expect(answer.status).toBe(201);
});
afterAll(() => world?.stop());

const base = { class: "IO", module: "gateway" } as const;
/** A name of that many characters. */
const label = (length: number, first = "a") => `${first}${"-".repeat(length - 2)}z`;
/** A type of that many characters and as many parts as fit. */
const type = (length: number, first = "t") => `${`${first}${".t".repeat(length / 2)}`.slice(0, length - 1)}T`;

async function create(name: string, spec: unknown) {
  const object = { apiVersion: API_VERSION, kind: "Driver", metadata: { name }, spec };
  const path = `${collection(API_VERSION, "drivers", namespace)}?dryRun=All`;
  return world.api.request("POST", path, object);
}

const heard = (connection: NatsConnection, subject: string) =>
  new Promise<string>((resolve) => {
    connection.subscribe(subject, { max: 1, callback: (_, message) => resolve(message.string()) });
  });

describe("names as long as they may be work from end to end", () => {
  const caller = label(40, "c");
  const callee = label(40, "d");
  const method = "m".repeat(60);
  const longest = type(200);
  const subscription = label(40, "s");
  const wide = (first: string) => `${first}.*.${"x".repeat(200 - first.length - 5)}.>`;

  test("events, state, calls, live topics and the objects of the cluster", async () => {
    await world.apply(namespace, callee, { ...base, capabilities: { observe: [`live.${caller}.>`] } });
    await world.apply(namespace, caller, {
      ...base,
      ports: [{ name: `p${"0".repeat(14)}`, containerPort: 8080 }],
      subscriptions: [{ name: subscription, types: [longest, wide("w")] }],
      capabilities: { publish: [longest], call: [`${callee}.${method}`], observe: [longest], state: true },
      replicas: 2,
    });
    for (const name of [caller, callee]) {
      await world.waitFor(namespace, name, "BusAccessReady", "True");
      await eventually(() => world.deployment(namespace, name), "its Deployment");
    }
    for (const [apiVersion, plural] of [
      ["v1", "services"],
      ["policy/v1", "poddisruptionbudgets"],
      ["networking.k8s.io/v1", "networkpolicies"],
    ] as const)
      await eventually(() => world.get(apiVersion, plural, namespace, caller), plural);

    const me = await world.connectAs(namespace, caller);
    const other = await world.connectAs(namespace, callee);
    const seen = heard(me, subjects.published("*", longest));
    await me.flush();
    const event = headers();
    event.set("ce-type", longest);
    await me.request(subjects.event(caller, 63, longest), "news", { headers: event, timeout: 10_000 });
    expect(await seen).toBe("news");
    const js = jetstream(me, { apiPrefix: BUS_API_PREFIX });
    const consumer = await js.consumers.get(streams.events, consumerName(caller, subscription));
    const delivered = await consumer.next({ expires: 5_000 });
    expect(delivered?.string()).toBe("news");
    expect(await delivered?.ackAck()).toBe(true);

    await me.request(subjects.state(caller, "k".repeat(200)), "kept", { timeout: 10_000 });
    const bucket = streams.state(caller);
    const read = `${BUS_API_PREFIX}.DIRECT.GET.${bucket}.${subjects.state(caller, "k".repeat(200))}`;
    expect((await me.request(read, "", { timeout: 10_000 })).string()).toBe("kept");

    other.subscribe(subjects.call(callee, method, "*"), { callback: (_, m) => void m.respond("done") });
    const topic = heard(other, subjects.live(caller, "t".repeat(100)));
    await other.flush();
    expect((await me.request(subjects.call(callee, method, caller), "", { timeout: 10_000 })).string()).toBe(
      "done",
    );
    me.publish(subjects.live(caller, "t".repeat(100)), "tick");
    expect(await topic).toBe("tick");
    await Promise.all([me.close(), other.close()]);
  });

  test("a Driver with as many grants as there may be, each as long as it may be", async () => {
    const many = (count: number, make: (index: number) => string) =>
      Array.from({ length: count }, (_, i) => make(i));
    const numbered = (prefix: string, length: number) => (i: number) => type(length, `${prefix}${i}`);
    await world.apply(namespace, "callee", base);
    await world.apply(namespace, "greedy", {
      ...base,
      subscriptions: many(32, String).map((i) => ({
        name: `${label(37, "s")}${i}`,
        types: many(64, numbered("s", 200)),
      })),
      capabilities: {
        publish: many(256, numbered("p", 200)),
        observe: many(256, numbered("o", 200)),
        call: many(256, (i) => `callee.${"m".repeat(57)}${i}`),
        state: true,
      },
    });
    const began = Date.now();
    await world.waitFor(namespace, "greedy", "BusAccessReady", "True");
    console.info(`870 imports and 32 consumers of 64 types after ${Date.now() - began} ms`);
    const connection = await world.connectAs(namespace, "greedy");
    const last = type(200, "p255");
    const ack = await connection.request(subjects.event("greedy", 1, last), "x", { timeout: 10_000 });
    expect(ack.json()).toMatchObject({ stream: streams.events });
    await connection.close();
  });
});

describe("a name beyond the limits is refused with its field", () => {
  const caps = (capabilities: object) => ({ ...base, capabilities });
  const sub = (part: object) => ({ ...base, subscriptions: [{ types: ["a.b"], ...part }] });
  const policy = { field: "metadata.name", spec: base };
  const table: { reason: string; name?: string; spec: unknown; field: string }[] = [
    { reason: "a name of 41 characters", name: label(41), ...policy },
    { reason: "a name in another alphabet", name: "agént", ...policy },
    { reason: "a name that is a wildcard", name: "*", ...policy },
    { reason: "a name that is all wildcards", name: ">", ...policy },
    { reason: "a name with a dot", name: "a.b", ...policy },
    { reason: "a name with a capital", name: "A", ...policy },
    { reason: "a name with an underscore", name: "a_b", ...policy },
    { reason: "a name that ends with a hyphen", name: "a-", ...policy },
    ...[label(41), "é", "*", ">", "a.b", "a_b", "A", ""].map((name) => ({
      reason: `the subscription "${name}"`,
      spec: sub({ name }),
      field: "spec.subscriptions[0].name",
    })),
    ...[type(201), "é.b", "a.>.b", ">.a", "a..b", ".a", "a.", "a b", "a*", "**", "a.>x", "live.a", "$JS.API", "a\u0000b", ""].map((t) => ({
      reason: `the type ${JSON.stringify(t).slice(0, 20)}`,
      spec: sub({ types: [t] }),
      field: "spec.subscriptions[0].types[0]",
    })),
    ...[type(201), "é", "a.>.b", "live.a.b", "_INBOX.>x", "a/b"].map((t) => ({
      reason: `publishing ${JSON.stringify(t).slice(0, 20)}`,
      spec: caps({ publish: [t] }),
      field: "spec.capabilities.publish[0]",
    })),
    ...["a", "a.b.c", `${label(41)}.m`, `a.${"m".repeat(61)}`, "a-.m", ">.m", "a.>", "é.m", "1a.m", "a.m.*"].map((c) => ({
      reason: `calling ${c.slice(0, 20)}`,
      spec: caps({ call: [c] }),
      field: "spec.capabilities.call[0]",
    })),
    ...["live.*.x", "live.>", `live.${label(41)}.x`, "live.a-.x", "live.a", "live.é.x"].map((o) => ({
      reason: `observing ${o.slice(0, 20)}`,
      spec: caps({ observe: [o] }),
      field: "spec.capabilities.observe[0]",
    })),
    ...["é", "*", "A", "a_b", "a".repeat(64), ""].map((m) => ({
      reason: `the model "${m.slice(0, 20)}"`,
      spec: caps({ models: [m] }),
      field: "spec.capabilities.models[0]",
    })),
    ...["é", "*", "a*", "a b", "a".repeat(201)].map((c) => ({
      reason: `the collection "${c.slice(0, 20)}"`,
      spec: caps({ context: [{ collection: c, verbs: ["read"] }] }),
      field: "spec.capabilities.context[0].collection",
    })),
    ...["p".repeat(16), "A", "a--b", "é", "1", "health"].map((name) => ({
      reason: `the port "${name}"`,
      spec: { ...base, ports: [{ name, containerPort: 80 }] },
      field: "spec.ports[0].name",
    })),
  ]; // biome-ignore format: a table
  test.each(table)("$reason", async ({ name = "d", spec, field }) => {
    const { status, body } = await create(name, spec);
    expect({ status, message: body.message }).toEqual({
      status: 422,
      message: expect.stringContaining(field),
    });
    const isFine = DriverName.safeParse(name).success && DriverSpec.safeParse(spec).success;
    expect(isFine).toBe(false);
  });
});

/** Texts near the limits, and with what means something in a subject. */
const odd = fc.oneof(
  fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,6}$/),
  fc.stringMatching(/^[a-zA-Z0-9_*>. -]{0,8}$/),
  fc.integer({ min: 38, max: 42 }).map((length) => label(length)),
  fc.integer({ min: 198, max: 202 }).map((length) => type(length)),
  fc.constantFrom("", "*", ">", "a.*", "a.>", "*.*", "*.>", "live.a.b", "live.a.>", "a.b", "é", "ａ", "a\u202eb", "\ud800", "a\n", "$SYS.>", "_INBOX.a"),
); // biome-ignore format: a list
const part = fc.tuple(odd, odd).map(([a, b]) => `${a}.${b}`);
/** Each is fine, and both together can't be imported. */
const crossing = fc.tuple(odd, odd).map(([a, b]) => [`${a}.*`, `*.${b}`]);
const candidate = fc.record({
  name: fc.oneof(
    { weight: 3, arbitrary: fc.stringMatching(/^[a-z][a-z0-9-]{0,41}$/) },
    { weight: 1, arbitrary: odd },
  ),
  subscription: odd,
  types: fc.array(fc.oneof(odd, part), { minLength: 1, maxLength: 2 }),
  publish: fc.oneof(fc.array(fc.oneof(odd, part), { maxLength: 2 }), crossing),
  observe: fc.oneof(fc.array(fc.oneof(odd, part), { maxLength: 2 }), crossing),
  call: fc.array(fc.oneof(part, odd), { maxLength: 2 }),
});

/** With one place at a time that is odd: otherwise hardly a candidate would be taken. */
const spoiled = fc
  .tuple(candidate, fc.constantFrom("name", "subscription", "types", "publish", "observe", "call"))
  .map(([c, place]) => {
    const fine = {
      name: "fine",
      subscription: "s",
      types: ["a.b"],
      publish: ["c.>"],
      observe: [],
      call: [] as string[],
    };
    return { ...fine, [place]: c[place as keyof typeof c] };
  });

const specOf = ({
  subscription,
  types,
  publish,
  observe,
  call,
}: Omit<typeof spoiled extends fc.Arbitrary<infer T> ? T : never, "name">): SpecInput => ({
  ...base,
  subscriptions: [{ name: subscription, types }],
  capabilities: { publish, observe, call, state: true },
});

test("whatever the API server takes, the bus can express or refuses with its field", async () => {
  const counts = { refused: 0, expressed: 0, overlapping: 0 };
  await fc.assert(
    fc.asyncProperty(spoiled, async ({ name, ...rest }) => {
      const spec = specOf(rest);
      const mine = DriverSpec.safeParse(JSON.parse(JSON.stringify(spec)));
      const { status, body } = await create(name, spec);
      expect({ name, spec, taken: status < 300, message: body.message }).toMatchObject({
        taken: mine.success && DriverName.safeParse(name).success,
      });
      if (status >= 300) {
        counts.refused++;
        expect(body.message).toMatch(/metadata\.name|spec\./);
        return;
      }
      const { subscriptions, capabilities } = DriverSpec.parse(spec);
      const peers = new Map(capabilities.call.map((pattern) => [pattern.split(".")[0] ?? "", "uid"]));
      const access = { namespace, name, uid: "u", subscriptions, capabilities, peers };
      try {
        for (const { subject = "", local_subject = "" } of importsFor(access, readableSources(access)))
          for (const text of [subject, local_subject]) expect(text).toMatch(/^[\x21-\x7e]{1,600}$/);
        for (const subscription of subscriptions)
          for (const { config } of ownSubscription(access, subscription, 1).consumers)
            expect(config.name).toMatch(/^[a-z0-9_-]{3,87}$/);
        expect(bucketStream(name, EventBusSpec.parse({}), 1).name).toMatch(/^KV_[a-z0-9-]{1,40}$/);
        counts.expressed++;
      } catch (error) {
        if (!(error instanceof BusError)) throw error;
        expect(error.message).toMatch(/capabilities\.(publish|observe)|subscriptions\./);
        counts.overlapping++;
      }
    }),
    { numRuns: 800 },
  );
  console.log(counts);
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0);
});

test("what is taken becomes a driver on the bus, or says why not", async () => {
  const drawn = fc.sample(spoiled, 400);
  let worked = 0;
  let told = 0;
  for (const { name, ...rest } of drawn) {
    if (worked + told >= 40) break;
    const spec = specOf(rest);
    if ((await create(name, spec)).status >= 300) continue;
    await world.apply(namespace, name, spec);
    const accepted = await eventually(
      async () => {
        const driver = await world.driver(namespace, name);
        const of = (wanted: string) =>
          driver?.status?.conditions?.find(
            (c: { type: string; observedGeneration: number }) =>
              c.type === wanted && c.observedGeneration === driver.metadata.generation,
          );
        if (of("Accepted")?.status === "False") return of("Accepted");
        return of("BusAccessReady")?.status === "True" && of("Accepted");
      },
      `${name} is judged: ${JSON.stringify(spec)}`,
    );
    if (accepted.status === "True") worked++;
    else {
      told++;
      expect(accepted).toMatchObject({
        reason: "OverlappingPatterns",
        message: expect.stringMatching(/^spec\./),
      });
    }
  }
  console.log({ worked, told });
  expect(worked).toBeGreaterThan(10);
});
