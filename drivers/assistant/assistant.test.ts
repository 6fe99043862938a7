import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { DriverError } from "@vextir/driver-runtime";
import { type TestKit, testKit } from "@vextir/driver-runtime/testing";
import Assistant, { ChatMessageSent } from "./index.ts";

let kit: TestKit;
beforeAll(async () => {
  kit = await testKit(Assistant);
  kit.answer("toolbox.time", () => ({ text: "noon", zone: "Asia/Tokyo", offset: "+09:00" }));
  kit.answer("toolbox.convert", () => {
    throw new DriverError("InvalidInput", 'no unit "parsecs" is known');
  });
});
afterAll(() => kit.stop());

/** What is sent in reply to a message, as it is on the bus. */
async function reply(data: unknown) {
  const { id } = await kit.publish("chat.message.received", data);
  for (let count = 1; ; count++) {
    const events = await kit.events("chat.message.sent", { count });
    const event = events.find(({ causationId }) => causationId === id);
    if (event) return { id, event, message: ChatMessageSent.parse(event.data) };
  }
}

test("answers by a tool, and says which", async () => {
  const { id, event, message } = await reply({
    text: "What time is it in Tokyo?",
    conversationId: "c",
    userId: "u",
  });
  expect(message).toEqual({
    text: "noon in Asia/Tokyo (UTC+09:00).",
    inReplyTo: id,
    tools: [{ name: "toolbox.time", ok: true }],
    conversationId: "c",
    userId: "u",
  });
  expect(event).toMatchObject({ publisher: "assistant", correlationId: id, hops: 1 });
});

test("a tool's error becomes an answer with its words", async () => {
  const { message } = await reply({ text: "convert 5 parsecs to km" });
  expect(message.text).toContain('no unit "parsecs" is known');
  expect(message.tools).toEqual([{ name: "toolbox.convert", ok: false, error: "CallFailed" }]);
});

test("a tool that is not there becomes an answer that names it", async () => {
  const { message } = await reply({ text: 'count the words in "a b"' });
  expect(message.text).toContain("toolbox.text");
  expect(message.tools).toEqual([
    { name: "toolbox.text", ok: false, error: expect.stringMatching(/NotFound|Unavailable/) },
  ]);
});

test("a message without a text goes to the dead letters", async () => {
  // Nobody checks data that is as the older platform wrote it, version 0, before it arrives.
  const dataSchema = "urn:vextir:event:chat.message.received:0";
  await kit.publish("chat.message.received", { message: "hello" }, { dataSchema });
  expect(await kit.deadLetters()).toMatchObject([
    { type: "chat.message.received", error: expect.stringContaining("text") },
  ]);
});
