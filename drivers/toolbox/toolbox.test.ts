import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { manifestOf } from "@vextir/driver-runtime";
import { type TestKit, testKit } from "@vextir/driver-runtime/testing";
import Toolbox from "./index.ts";

let kit: TestKit;
beforeAll(async () => {
  kit = await testKit(Toolbox);
});
afterAll(() => kit.stop());

test("every method is a tool with a description and schemas", () => {
  const { methods, capabilities } = manifestOf(Toolbox);
  expect(methods.map((method) => method.name)).toEqual(["time", "convert", "text"]);
  for (const method of methods)
    expect(method).toMatchObject({
      description: expect.any(String),
      input: { type: "object" },
      output: { type: "object" },
    });
  expect(capabilities).toEqual({ publish: [], call: [], observe: [], state: false });
});

test.each([
  {
    method: "time",
    input: { zone: "Tokyo", at: "2026-01-15T12:00:00Z" },
    answer: { zone: "Asia/Tokyo", offset: "+09:00" },
  },
  { method: "convert", input: { value: 5, from: "miles", to: "km" }, answer: { value: 8.04672, unit: "km" } },
  { method: "text", input: { text: "to be or not to be" }, answer: { words: 6, readingTimeSeconds: 2 } },
])("$method answers", async ({ method, input, answer }) => {
  expect(await kit.call(method, input)).toMatchObject(answer);
});

test("time without an instant is now", async () => {
  const { iso } = await kit.call<{ iso: string }>("time", { zone: "UTC" });
  expect(Math.abs(Date.parse(iso) - Date.now())).toBeLessThan(10_000);
});

test.each([
  {
    reason: "another shape",
    method: "convert",
    input: { value: "five" },
    code: "InvalidInput",
    message: "value",
  },
  { reason: "no zone", method: "time", input: { zone: "Atlantis" }, code: "CallFailed", message: "Atlantis" },
  {
    reason: "two dimensions",
    method: "convert",
    input: { value: 1, from: "m", to: "kg" },
    code: "CallFailed",
    message: "mass",
  },
])("an error names what is wrong: $reason", async ({ method, input, code, message }) => {
  await expect(kit.call(method, input)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(message),
  });
});
