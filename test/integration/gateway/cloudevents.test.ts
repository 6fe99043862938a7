import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import Gateway from "@vextir/driver-gateway";
import type { Event } from "@vextir/driver-runtime";
import { type TestKit, testKit } from "@vextir/driver-runtime/testing";
import { CloudEvent, emitterFor, httpTransport, Mode } from "cloudevents";
import { BINDING, INVALID_BATCHES, INVALID_EVENTS, VALID_BATCHES, VALID_EVENTS } from "./conformance.ts";

const STRUCTURED = { "content-type": "application/cloudevents+json" };
const BATCH = { "content-type": "application/cloudevents-batch+json" };

let kit: TestKit;
let url: string;
beforeAll(async () => {
  kit = await testKit(Gateway, {
    config: { auth: { anonymous: { publish: [">"] } }, trustedProxies: ["127.0.0.1", "::1"] },
    capabilities: { publish: [">"], state: true },
  });
  url = `${(kit.driver as Gateway).address}/api/events`;
});
afterAll(() => kit.stop());

let senders = 0;
let stored = 0;

/** Each request is another stranger's: the cases share ids, and what one sender sends twice is stored once. */
async function post(headers: Record<string, string>, body: string) {
  const address = `192.0.2.${++senders}`;
  const response = await fetch(url, {
    method: "POST",
    headers: { ...headers, "x-forwarded-for": address },
    body: Buffer.from(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** So many more events are on the bus, and none beside them. */
async function arrived(count: number): Promise<Event[]> {
  const events = await kit.events(">", { count: stored + count });
  const fresh = events.slice(stored);
  stored = events.length;
  expect(fresh).toHaveLength(count);
  return fresh;
}

/** What the bus has of an event in the JSON format: attributes that are null are none, extensions are texts. */
function asOnTheBus(sent: Record<string, unknown>): object {
  const { specversion: _, datacontenttype, dataschema, data, ...rest } = sent;
  const given = Object.entries(rest).filter(([, value]) => value !== null);
  const extensions = given.filter(([name]) => name.startsWith("ext"));
  return {
    ...Object.fromEntries(given.filter(([name]) => !name.startsWith("ext"))),
    ...(typeof datacontenttype === "string" && { dataContentType: datacontenttype }),
    ...(typeof dataschema === "string" && { dataSchema: dataschema }),
    ...(data !== undefined && { data }),
    extensions: Object.fromEntries(extensions.map(([name, value]) => [name, String(value)])),
  };
}

describe("the CloudEvents project's conformance cases", () => {
  test.each(BINDING)("HTTP binding: $name", async ({ headers, body, attributes, data }) => {
    expect(await post(headers, body)).toMatchObject({ status: 202, body: { id: attributes.id } });
    const [event] = await arrived(1);
    expect(event).toMatchObject({ ...attributes, data });
  });

  test.each(VALID_EVENTS)("JSON format: $name", async ({ event: sent }) => {
    expect(await post(STRUCTURED, JSON.stringify(sent))).toMatchObject({ status: 202 });
    expect(await arrived(1)).toMatchObject([asOnTheBus(sent)]);
  });

  test.each(VALID_BATCHES)("JSON format: $name", async ({ batch }) => {
    const { status, body } = await post(BATCH, JSON.stringify(batch));
    expect([status, body["ids"]]).toEqual([202, batch.map(({ id }) => id)]);
    // One event named twice is one event.
    const distinct = batch.filter((event, place) => batch.indexOf(event) === place);
    expect(new Set(await arrived(distinct.length))).toEqual(
      new Set(distinct.map((event) => expect.objectContaining(asOnTheBus(event)))),
    );
  });

  test.each(INVALID_EVENTS)("JSON format: $name", async ({ event, field }) => {
    const { status, body } = await post(STRUCTURED, JSON.stringify(event));
    expect([status, body["field"]]).toEqual([400, field]);
  });

  test.each(INVALID_BATCHES)("JSON format: $name", async ({ batch, at }) => {
    const { status, body } = await post(BATCH, JSON.stringify(batch));
    const results = body["results"] as { index: number }[];
    expect([status, results.map(({ index }) => index)]).toEqual([400, at]);
  });

  test("of what is invalid nothing is stored", async () => {
    expect(await post(STRUCTURED, JSON.stringify(VALID_EVENTS[0]?.event))).toMatchObject({ status: 202 });
    await arrived(1);
  });
});

describe("the official SDK", () => {
  const sent = (id: string) =>
    new CloudEvent({
      id,
      source: "/sdk",
      type: "sdk.sent",
      subject: "a subject",
      time: "2026-01-02T03:04:05.678Z",
      dataschema: "https://example.org/schema",
      extension: "with a blank",
      data: { text: "grüße", list: [1, 2.5, null] },
    });
  const asStored = (id: string) => ({
    id,
    source: "/sdk",
    type: "sdk.sent",
    subject: "a subject",
    time: "2026-01-02T03:04:05.678Z",
    dataSchema: "https://example.org/schema",
    extensions: { extension: "with a blank" },
    data: { text: "grüße", list: [1, 2.5, null] },
  });
  const answered = (answer: unknown) => JSON.parse((answer as { body: string }).body);

  test.each([Mode.BINARY, Mode.STRUCTURED])("sends in %s mode", async (mode) => {
    const emit = emitterFor(httpTransport(url), { mode });
    expect(answered(await emit(sent(mode)))).toMatchObject({ id: mode });
    expect(await arrived(1)).toMatchObject([asStored(mode)]);
    // Sent again by the same client it is known.
    expect(answered(await emit(sent(mode)))).toMatchObject({ id: mode, duplicate: true });
  });

  test("sends bytes", async () => {
    const data = new Uint8Array([0, 1, 254, 255]);
    const event = new CloudEvent({
      id: "bytes",
      source: "/sdk",
      type: "sdk.sent",
      datacontenttype: "application/octet-stream",
      data,
    });
    const emit = emitterFor(httpTransport(url), { mode: Mode.STRUCTURED });
    expect(answered(await emit(event))).toMatchObject({ id: "bytes" });
    expect((await arrived(1)).map((stored) => [...(stored.data as Uint8Array)])).toEqual([[...data]]);
  });

  test("sends in batch mode", async () => {
    const ids = ["batch-1", "batch-2", "batch-3"];
    const body = JSON.stringify(ids.map(sent));
    const answer = answered(await httpTransport(url)({ headers: BATCH, body }));
    expect(answer.ids).toEqual(ids);
    const events = await arrived(3);
    expect(events.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toMatchObject(ids.map(asStored));
  });
});
