import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { waitPreference } from "./prefer.ts";

describe("waitPreference", () => {
  test.each([
    ["wait=10", { seconds: 10 }],
    ['wait=10; until="chat.message.sent"', { seconds: 10, until: "chat.message.sent" }],
    ["respond-async, WAIT = 5 ;until=a.b", { seconds: 5, until: "a.b" }],
    ['foo="a, wait=3; \\" x"; bar, wait=7', { seconds: 7 }],
    ["wait=1, wait=9", { seconds: 1 }],
    ["wait=10; ; until=a.b", { seconds: 10, until: "a.b" }],
    ['wait="15"', { seconds: 15 }],
    [", ,wait=1,", { seconds: 1 }],
  ])("%s", (header, preference) => {
    expect(waitPreference(header)).toEqual(preference);
  });

  test.each([
    undefined,
    "",
    "wait",
    "wait=",
    "wait=soon",
    "wait=-1",
    "wait=1.5",
    "wait=0",
    "return=minimal",
    "@@",
  ])("%s asks for none", (header) => {
    expect(waitPreference(header)).toBeUndefined();
  });

  test("any header is read or ignored, quickly", () => {
    const pieces = fc.constantFrom("wait", "=", "10", ";", ",", '"', "\\", " ", "until", "\t", "a");
    const header = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 2_000 }).map((p) => p.join("")),
    );
    fc.assert(
      fc.property(header, (text) => {
        const start = performance.now();
        waitPreference(text);
        expect(performance.now() - start).toBeLessThan(500);
      }),
    );
  });
});
