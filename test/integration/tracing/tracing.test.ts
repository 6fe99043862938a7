import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { DriverProcess, type ProcessInput } from "../../fixtures/driver-process.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { freePort } from "../../fixtures/free-port.ts";
import { startBus, type TestBus } from "../../fixtures/nats.ts";
import { Collector, type ReceivedSpan } from "../../fixtures/otlp.ts";

/** Fetches for each answer what its configuration names, in a span of its own, and fails for one. */
const ERRAND = `import { defineDriver, TerminalError } from "@vextir/driver-runtime";
export default defineDriver({
  name: "errand", version: "1.0.0", class: "IO",
  on: {
    "chat.message.sent": (event, ctx, driver) => ctx.tracer.startActiveSpan("errand", async (span) => {
      ctx.log.info("on an errand");
      await (await fetch(driver.config.url)).text();
      span.end();
      if (JSON.stringify(event.data).includes("Tokyo")) throw new TerminalError("TOPSECRET-error: " + JSON.stringify(event.data));
    }),
  },
});`;

/** Handles what is asked, so that it has spans to send. */
const LISTENER = `import { defineDriver } from "@vextir/driver-runtime";
export default defineDriver({ name: "lonely", version: "1.0.0", class: "Tool", on: { "chat.message.received": () => {} } });`;

const KEY = `TOPSECRET-${randomBytes(16).toString("hex")}`;

let bus: TestBus;
let collector: Collector;
let outside: Server;
const asked: IncomingHttpHeaders[] = [];
const drivers = new Map<string, DriverProcess>();
const ends: (() => Promise<unknown>)[] = [];

async function start(input: ProcessInput): Promise<DriverProcess> {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: "50", ...input.env };
  const driver = await DriverProcess.start(bus, { ...input, env });
  drivers.set(input.name, driver);
  return driver.ready(60_000);
}

beforeAll(async () => {
  [bus, collector] = await Promise.all([startBus(), Collector.start()]);
  const reports = bus.acceptReports();
  ends.push(() => reports.stop());
  outside = createServer(({ headers }, response) => {
    asked.push(headers);
    response.end("fine");
  }).listen(0, "127.0.0.1");
  await once(outside, "listening");
  const { port } = outside.address() as AddressInfo;
  await start({ name: "toolbox", class: "Tool", module: "toolbox" });
  await Promise.all([
    start({
      ...{ name: "assistant", module: "assistant" },
      subscriptions: [{ types: ["chat.message.received"] }],
      capabilities: { publish: ["chat.message.sent"], call: ["toolbox.*"] },
    }),
    start({
      ...{ name: "errand", class: "IO", source: ERRAND },
      config: { url: `http://127.0.0.1:${port}/bot-TOPSECRET-path/send?token=TOPSECRET-query` },
      subscriptions: [{ name: "answers", types: ["chat.message.sent"] }],
      env: { OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test" },
    }),
    start({
      ...{ name: "gateway", class: "IO", module: "gateway", ports: ["http"] },
      config: {
        auth: {
          apiKeys: [
            {
              name: "tests",
              sha256: createHash("sha256").update(KEY).digest("hex"),
              expires: "2999-01-01T00:00:00Z",
              user: "TOPSECRET-user",
              grants: [{ publish: [">"], read: [">"] }],
            },
          ],
        },
        observe: ["chat.message.sent"],
        replies: { "chat.message.received": "chat.message.sent" },
      },
      capabilities: { publish: ["chat.>"], observe: ["chat.message.sent"], state: true },
      env: { VEXTIR_LISTEN_HOST: "127.0.0.1", OTEL_SERVICE_NAME: "front-door" },
    }),
  ]);
});
afterAll(async () => {
  await Promise.all([...drivers.values()].map((driver) => driver.stop()));
  for (const end of ends) await end();
  outside?.close();
  await collector?.stop();
  await bus?.stop();
});

interface Posted {
  status: number;
  body: { id: string; events: { traceparent: string; tracestate?: string; data: { text: string } }[] };
}

async function ask(
  text: string,
  headers: Record<string, string> = {},
  attributes = {},
  gateway = "gateway",
): Promise<Posted> {
  const event = {
    ...{ specversion: "1.0", id: randomBytes(8).toString("hex"), source: "/TOPSECRET-source" },
    type: "chat.message.received",
    data: { text, secret: "TOPSECRET-data" },
    ...attributes,
  };
  const sent = {
    ...{ "content-type": "application/cloudevents+json", prefer: "wait=20", "x-api-key": KEY },
    ...headers,
  };
  const port = drivers.get(gateway)?.ports.get("http");
  const response = await fetch(`http://127.0.0.1:${port}/api/events?key=TOPSECRET-url`, {
    method: "POST",
    headers: Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== "")),
    body: JSON.stringify(event),
  });
  return { status: response.status, body: (await response.json()) as Posted["body"] };
}

const WHOLE = [
  "POST /api/events",
  "publish chat.message.received",
  "process default",
  "call toolbox.convert",
  "publish chat.message.sent",
  "process answers",
  "errand",
  "GET",
];

const traceOf = (traceparent = "") => traceparent.split("-")[1] ?? "";
const newTrace = (flags = "01") =>
  `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-${flags}`;

/** The one of this name and kind. @throws Error when there is none. */
function one(spans: readonly ReceivedSpan[], name: string, kind?: string): ReceivedSpan {
  const found = spans.filter((span) => span.name === name && (!kind || span.kind === `SPAN_KIND_${kind}`));
  if (found.length !== 1 || !found[0]) throw new Error(`${found.length} spans ${name} ${kind}`);
  return found[0];
}

describe("one trace leads from the request to the answer and what follows it", () => {
  const sent = newTrace();
  let spans: ReceivedSpan[];
  beforeAll(async () => {
    const { status, body } = await ask("convert 5 miles to km", {
      traceparent: sent,
      tracestate: "vendor=abc,other=1",
    });
    expect([status, body.events.map(({ data }) => data.text)]).toEqual([
      200,
      [expect.stringMatching(/8\.04672/)],
    ]);
    expect(body.events.map(({ traceparent }) => traceOf(traceparent))).toEqual([traceOf(sent)]);
    expect(body.events.map(({ tracestate }) => tracestate)).toEqual(["vendor=abc,other=1"]);
    spans = await collector.trace(traceOf(sent), WHOLE);
  });

  test("each span's parent is what caused it, over four processes", () => {
    const [server, published] = [one(spans, WHOLE[0] ?? ""), one(spans, "publish chat.message.received")];
    const handled = one(spans, "process default");
    const calling = one(spans, "call toolbox.convert", "CLIENT");
    const served = one(spans, "call toolbox.convert", "SERVER");
    const answered = one(spans, "publish chat.message.sent");
    const [errand, own, fetched] = [one(spans, "process answers"), one(spans, "errand"), one(spans, "GET")];
    const chain = [server, published, handled, calling, served].map(({ parentId }) => parentId);
    const above = [sent.split("-")[2], server.spanId, published.spanId, handled.spanId, calling.spanId];
    expect(chain).toEqual(above);
    expect([answered, errand, own, fetched].map(({ parentId }) => parentId)).toEqual([
      handled.spanId,
      answered.spanId,
      errand.spanId,
      own.spanId,
    ]);
    expect(handled.links).toEqual([{ traceId: traceOf(sent), spanId: published.spanId }]);
    expect(spans.every(({ traceState }) => traceState === "vendor=abc,other=1")).toBe(true);
    expect(asked.at(-1)).toMatchObject({
      traceparent: `00-${traceOf(sent)}-${fetched.spanId}-01`,
      tracestate: "vendor=abc,other=1",
    });
  });

  test("kinds, names and attributes are those of the conventions", () => {
    const shown = (name: string, kind?: string) => {
      const span = one(spans, name, kind);
      return { kind: span.kind, ...span.attributes };
    };
    expect(shown("POST /api/events")).toEqual({
      kind: "SPAN_KIND_SERVER",
      "http.request.method": "POST",
      "http.route": "/api/events",
      "http.response.status_code": "200",
      "url.path": "/api/events",
      "url.scheme": "http",
      "network.protocol.version": "1.1",
    });
    const ids = {
      "messaging.message.id": expect.any(String),
      "messaging.message.conversation_id": expect.any(String),
    };
    expect(shown("publish chat.message.received")).toEqual({
      kind: "SPAN_KIND_PRODUCER",
      "messaging.system": "nats",
      "messaging.operation.name": "publish",
      "messaging.operation.type": "send",
      "messaging.destination.name": "chat.message.received",
      ...ids,
    });
    expect(shown("process default")).toEqual({
      kind: "SPAN_KIND_CONSUMER",
      "messaging.system": "nats",
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "messaging.destination.name": "chat.message.received",
      "messaging.consumer.group.name": "default",
      "vextir.publisher": "gateway",
      "vextir.attempt": "1",
      ...ids,
    });
    const method = { "rpc.system": "vextir", "rpc.service": "toolbox", "rpc.method": "convert" };
    expect(shown("call toolbox.convert", "CLIENT")).toEqual({ kind: "SPAN_KIND_CLIENT", ...method });
    expect(shown("call toolbox.convert", "SERVER")).toEqual({
      ...{ kind: "SPAN_KIND_SERVER", ...method },
      "vextir.caller": "assistant",
    });
    expect(shown("GET")).toEqual({
      kind: "SPAN_KIND_CLIENT",
      "http.request.method": "GET",
      "http.response.status_code": "200",
      "server.address": "127.0.0.1",
      "server.port": String((outside.address() as AddressInfo).port),
      "url.scheme": "http",
    });
  });

  test("each process says who it is, and the environment may say otherwise", () => {
    const who = spans.map(({ resource }) => resource["service.name"]);
    expect(new Set(who)).toEqual(new Set(["front-door", "assistant", "toolbox", "errand"]));
    expect(one(spans, "errand").resource).toMatchObject({
      "service.namespace": "team",
      "k8s.pod.name": "errand-0",
      "deployment.environment.name": "test",
    });
  });

  test("lines of the log name their span", async () => {
    const { spanId } = one(spans, "errand");
    const lines = () =>
      (drivers.get("errand")?.output ?? "").split("\n").filter((line) => line.startsWith("{"));
    const line = await eventually(() =>
      lines()
        .map((text) => JSON.parse(text))
        .find(({ span_id }) => span_id === spanId),
    );
    expect(line).toMatchObject({ msg: "on an errand", trace_id: traceOf(sent), trace_flags: "01" });
  });
});

test("what fails is a failed span, named by a code and not by a message", async () => {
  const sent = newTrace();
  await ask("what time is it in Tokyo?", { traceparent: sent });
  const spans = await collector.trace(traceOf(sent), ["process answers"]);
  const span = one(spans, "process answers");
  expect([span.failed, span.attributes["error.type"]]).toEqual([true, "TerminalError"]);
});

test("an event's own trace context goes before the request's, which it is linked to", async () => {
  const [own, around] = [newTrace(), newTrace()];
  await ask("convert 1 km to m", { traceparent: around }, { traceparent: own });
  const spans = await collector.trace(traceOf(own), WHOLE.slice(1));
  const [request] = await collector.trace(traceOf(around), ["POST /api/events"]);
  const published = one(spans, "publish chat.message.received");
  expect(published.parentId).toBe(own.split("-")[2]);
  expect(published.links).toEqual([{ traceId: traceOf(around), spanId: request?.spanId }]);
});

describe("what clients say of their trace is taken for data", () => {
  const zero = "0".repeat(32);
  const id = "0af7651916cd43dd8448eb211c80319c";
  const hostile: { reason: string; headers: Record<string, string> }[] = [
    { reason: "no trace", headers: { traceparent: `00-${zero}-b7ad6b7169203331-01` } },
    { reason: "no span", headers: { traceparent: `00-${id}-${"0".repeat(16)}-01` } },
    { reason: "a version that is none", headers: { traceparent: `ff-${id}-b7ad6b7169203331-01` } },
    { reason: "upper case", headers: { traceparent: `00-${id.toUpperCase()}-b7ad6b7169203331-01` } },
    { reason: "more than version 00 has", headers: { traceparent: `00-${id}-b7ad6b7169203331-01-x` } },
    { reason: "two of them", headers: { traceparent: `00-${id}-b7ad6b7169203331-01, 00-${id}-b7ad6b7169203332-01` } },
    { reason: "a long text", headers: { traceparent: "x".repeat(8_000) } },
    { reason: "a program", headers: { traceparent: "00-{jndi:ldap://x}-$(reboot)-01" } },
    { reason: "a state without a parent", headers: { tracestate: "a=TOPSECRET-state" } },
  ]; // biome-ignore format: one case per line
  test.each(hostile)("$reason: a trace begins, as if nothing had been said", async ({ headers }) => {
    const { status, body } = await ask("convert 1 km to m", headers);
    expect(status).toBe(200);
    const trace = traceOf(body.events[0]?.traceparent);
    expect(trace).toMatch(/^[0-9a-f]{32}$/);
    expect(trace).not.toBe(id);
    const spans = await collector.trace(trace, ["POST /api/events", "process default"]);
    expect(one(spans, "POST /api/events")).toMatchObject({ parentId: "", links: [], traceState: "" });
  });

  test("a state that is too long or malformed is left out, and the trace goes on", async () => {
    const traceparent = newTrace();
    const { body } = await ask("convert 1 km to m", { traceparent, tracestate: `${"a=b,".repeat(300)}x` });
    expect(traceOf(body.events[0]?.traceparent)).toBe(traceOf(traceparent));
    const spans = await collector.trace(traceOf(traceparent), ["process default"]);
    for (const { traceState } of spans) expect(traceState.length).toBeLessThanOrEqual(512);
  });

  test("who says that it isn't sampled is believed, and nothing is sent", async () => {
    const unsampled = newTrace("00");
    const { body } = await ask("convert 1 km to m", { traceparent: unsampled });
    expect(body.events[0]?.traceparent).toMatch(new RegExp(`^00-${traceOf(unsampled)}-[0-9a-f]{16}-00$`));
    const later = newTrace();
    await ask("convert 1 km to m", { traceparent: later });
    await collector.trace(traceOf(later), WHOLE);
    expect(collector.spans.filter(({ traceId }) => traceId === traceOf(unsampled))).toEqual([]);
  });
});

test("a gateway that anybody reaches begins traces, and links to the clients'", async () => {
  await start({
    ...{ name: "edge", class: "IO", module: "gateway", ports: ["http"] },
    config: { auth: { anonymous: { publish: [">"] } }, traces: "Restart" },
    capabilities: { publish: ["chat.>"], state: true },
    env: { VEXTIR_LISTEN_HOST: "127.0.0.1" },
  });
  const [own, around] = [newTrace(), newTrace()];
  const anonymous = { "x-api-key": "", prefer: "", traceparent: around };
  const id = randomBytes(8).toString("hex");
  const { status } = await ask("convert 2 km to m", anonymous, { id, traceparent: own }, "edge");
  expect(status).toBe(202);
  const published = await eventually(() =>
    collector.spans.find(
      (span) => span.kind === "SPAN_KIND_PRODUCER" && span.attributes["messaging.message.id"] === id,
    ),
  );
  const spans = await collector.trace(published.traceId, ["POST /api/events", "process default"]);
  const server = one(spans, "POST /api/events");
  expect([server.parentId, published.parentId]).toEqual(["", server.spanId]);
  expect(server.links).toEqual([{ traceId: traceOf(around), spanId: around.split("-")[2] }]);
  expect([own, around].map(traceOf)).not.toContain(published.traceId);
});

test("a collector that is away holds nothing up: the driver works, says so once, and ends", async () => {
  const closed = await freePort();
  const lonely = await start({
    ...{ name: "lonely", class: "Tool", source: LISTENER },
    subscriptions: [{ types: ["chat.message.received"] }],
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${closed}`,
      ...{ OTEL_BSP_SCHEDULE_DELAY: "20", OTEL_EXPORTER_OTLP_TIMEOUT: "200" },
    },
  });
  const told = () => lonely.output.split("traces are not sent as they should be").length - 1;
  const handled = (count: number) =>
    eventually(async () => (await lonely.metrics()).includes(`outcome="Succeeded"} ${count}\n`));
  await ask("convert 1 km to m");
  await handled(1);
  await eventually(() => told() === 1);
  await ask("convert 2 km to m");
  await handled(2);
  const settings = await start({
    ...{ name: "settings", class: "Tool", module: "toolbox" },
    env: { OTEL_TRACES_SAMPLER: "none-such" },
  });
  expect(settings.output).toContain("OTEL_TRACES_SAMPLER");
  await lonely.stop();
  expect([lonely.child.exitCode, told()]).toEqual([0, 1]);
});

test("nothing of events, users, URLs or credentials is in what was sent, and all of it is what the schema says", () => {
  expect(collector.raw.length).toBeGreaterThan(0);
  expect(collector.raw.filter((text) => text.includes("TOPSECRET"))).toEqual([]);
  expect(collector.refused).toEqual([]);
});
