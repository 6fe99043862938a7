import { describe, expect, test } from "@jest/globals";
import { type Call, DriverError, type DriverErrorCode } from "@vextir/driver-runtime";
import { HELP, replyTo } from "./replies.ts";

const failing =
  (error: Error): Call =>
  () =>
    Promise.reject(error);
const time = { kind: "time", zone: "Tokyo" } as const;

describe("a tool's failure becomes an answer", () => {
  test.each<{ code: DriverErrorCode; says: string }>([
    { code: "InvalidInput", says: "I could not do that: the tool's words" },
    { code: "CallFailed", says: "I could not do that: the tool's words" },
    { code: "NotGranted", says: "not allowed to use toolbox.time" },
    { code: "NotFound", says: "no tool toolbox.time" },
    { code: "Timeout", says: "does not answer at the moment" },
    { code: "Unavailable", says: "does not answer at the moment" },
    { code: "InvalidOutput", says: "toolbox.time failed (InvalidOutput)" },
  ])("$code", async ({ code, says }) => {
    const reply = await replyTo(time, failing(new DriverError(code, "the tool's words")));
    expect(reply.text).toContain(says);
    expect(reply.tools).toEqual([{ name: "toolbox.time", ok: false, error: code }]);
  });

  test.each([
    { reason: "the driver stops: another pod answers", error: new DriverError("Closed", "stopping") },
    { reason: "a fault of its own is retried", error: new TypeError("a bug") },
  ])("except: $reason", async ({ error }) => {
    await expect(replyTo(time, failing(error))).rejects.toBe(error);
  });
});

test("help and what is not understood need no tool", async () => {
  const call = failing(new Error("not called"));
  expect(await replyTo({ kind: "help" }, call)).toEqual({ text: HELP, tools: [] });
  expect((await replyTo({ kind: "unknown" }, call)).text).toContain(HELP);
});
