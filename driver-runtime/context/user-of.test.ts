import { expect, test } from "@jest/globals";
import { userOf } from "./user-of.ts";

const of = (sub: unknown) => `e30.${Buffer.from(JSON.stringify({ sub })).toString("base64url")}.x`;
const trust = { trustedPublishers: ["gateway"] };

test.each([
  { reason: "a trusted publisher's word", event: { userId: "a" }, user: "a" },
  { reason: "an assertion", event: { publisher: "x", assertion: of("a") }, user: "a" },
  {
    reason: "an assertion and the same word",
    event: { publisher: "x", userId: "a", assertion: of("a") },
    user: "a",
  },
  { reason: "another's word", event: { publisher: "x", userId: "a" }, code: "NotGranted" },
  { reason: "nobody's", event: {}, code: "InvalidInput" },
  {
    reason: "an assertion and another word",
    event: { userId: "b", assertion: of("a") },
    code: "InvalidInput",
  },
  { reason: "an assertion of nobody", event: { userId: "a", assertion: of("") }, code: "NotGranted" },
  { reason: "an assertion of a number", event: { userId: "a", assertion: of(7) }, code: "NotGranted" },
  { reason: "no assertion in its place", event: { userId: "a", assertion: "a.b.c" }, code: "NotGranted" },
  {
    reason: "what no header can hold",
    event: { userId: "a", assertion: `\u00e9${of("a")}` },
    code: "NotGranted",
  },
  { reason: "nothing in its place", event: { userId: "a", assertion: "" }, code: "NotGranted" },
])("$reason", ({ event, user, code }) => {
  const { publisher = "gateway", userId, assertion } = event as Record<string, string>;
  const whole = {
    publisher,
    ...(userId !== undefined && { userId }),
    extensions: { ...(assertion !== undefined && { userassertion: assertion }) },
  };
  if (code) expect(() => userOf(whole, trust)).toThrow(expect.objectContaining({ code }));
  else expect(userOf(whole, trust)).toBe(user);
});

test("who is meant where nobody is said", () => {
  const event = { publisher: "gateway", extensions: {} };
  expect(userOf(event, { ...trust, defaultUser: "me" })).toBe("me");
  expect(() => userOf({ ...event, publisher: "x" }, { ...trust, defaultUser: "me" })).toThrow();
});
