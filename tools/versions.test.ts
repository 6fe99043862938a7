import { expect, test } from "@jest/globals";
import { atLeast } from "./versions.ts";

test.each([
  { have: "nats-server: v2.15.2", oldest: "2.15.1", is: true, reason: "newer patch" },
  { have: "nats-server: v2.15.1", oldest: "2.15.1", is: true, reason: "equal" },
  { have: "nats-server: v2.9.30", oldest: "2.15.1", is: false, reason: "numbers, not text" },
  { have: "nats-server: v3.0.0-beta.1", oldest: "2.15.1", is: true, reason: "newer major" },
  { have: "go version go1.26 linux/amd64", oldest: "1.21.0", is: true, reason: "no patch number" },
  { have: "", oldest: "1.0.0", is: false, reason: "a program that did not run" },
])("$have against $oldest: $reason", ({ have, oldest, is }) => {
  expect(atLeast(have, oldest)).toBe(is);
});
