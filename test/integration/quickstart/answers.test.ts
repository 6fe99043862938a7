import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { HTTP } from "cloudevents";
import { ask, cloudEvent, send } from "./client.ts";
import { Quickstart } from "./system.ts";

let quickstart: Quickstart;
beforeAll(async () => {
  quickstart = await Quickstart.start();
});
afterAll(() => quickstart?.stop());

test.each([
  { text: "What time is it in Tokyo?", says: "in Asia/Tokyo (UTC+09:00)", tool: "toolbox.time" },
  { text: "convert 5 miles to km", says: "5 mi = 8.04672 km", tool: "toolbox.convert" },
  { text: 'count the words in "to be or not to be"', says: "6 words", tool: "toolbox.text" },
])("$text is answered by $tool, with its lineage", async ({ text, says, tool }) => {
  const { id, correlationid, complete, events } = await ask(quickstart.url, "chat.message.received", {
    text,
  });
  expect([complete, events.length]).toEqual([true, 1]);
  expect(events[0]).toMatchObject({
    type: "chat.message.sent",
    publisher: "assistant",
    causationid: id,
    correlationid,
    hops: 1,
    data: { text: expect.stringContaining(says), inReplyTo: id, tools: [{ name: tool, ok: true }] },
  });
});

test("a tool's refusal is an answer", async () => {
  const { events } = await ask(quickstart.url, "chat.message.received", { text: "time in Atlantis" });
  expect(events[0]?.data).toMatchObject({
    text: expect.stringContaining('"Atlantis"'),
    tools: [{ name: "toolbox.time", ok: false }],
  });
});

const message = () => cloudEvent("chat.message.received", { text: "help" });

test.each([
  { mode: "binary", write: HTTP.binary },
  { mode: "structured", write: HTTP.structured },
])("the official SDK's $mode mode is understood", async ({ write }) => {
  const event = message();
  const { status, body } = await send(quickstart.url, write(event), { prefer: "wait=20" });
  expect(status).toBe(200);
  expect(body).toMatchObject({ id: event.id, complete: true, events: [{ causationid: event.id }] });
});

test("a batch of the official SDK's events is taken, each with its result", async () => {
  const events = [message(), message()];
  const batch = {
    headers: { "content-type": "application/cloudevents-batch+json" },
    body: JSON.stringify(events),
  };
  const { status, body } = await send(quickstart.url, batch);
  expect([status, body["ids"]]).toEqual([202, events.map(({ id }) => id)]);
});

test("what nobody is granted to publish here is refused by its type", async () => {
  const { status, body } = await send(quickstart.url, HTTP.structured(cloudEvent("chat.message.sent", {})));
  expect([status, body["field"]]).toEqual([403, "type"]);
});
