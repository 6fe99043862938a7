import { describe, expect, test } from "@jest/globals";
import { createCurve } from "@nats-io/nkeys";
import { CalloutBox } from "./callout-box.ts";

const text = Buffer.from("who is this?");
const box = new CalloutBox(new Uint8Array(32).fill(3));
const server = createCurve();

describe("against the client library's keys", () => {
  test("each opens what the other sealed", () => {
    expect(server.open(box.seal(text, server.getPublicKey()), box.publicKey)).toEqual(new Uint8Array(text));
    expect(box.open(server.seal(text, box.publicKey), server.getPublicKey())).toEqual(new Uint8Array(text));
  });
});

test.each([
  {
    message: server.seal(text, createCurve().getPublicKey()),
    sender: server.getPublicKey(),
    reason: "for another",
  },
  { message: server.seal(text, box.publicKey), sender: createCurve().getPublicKey(), reason: "by another" },
  { message: text, sender: server.getPublicKey(), reason: "not encrypted" },
  { message: new Uint8Array(0), sender: server.getPublicKey(), reason: "empty" },
  { message: server.seal(text, box.publicKey), sender: "X-NO-KEY", reason: "of nobody" },
])("a message $reason is not opened", ({ message, sender }) => {
  expect(box.open(message, sender)).toBeUndefined();
});
