import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { RefusalLog } from "./refusal-log.ts";

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

test("the first of each kind at once, then numbers; a flood of kinds is a few lines", () => {
  const lines: [object, string][] = [];
  const log = new RefusalLog({ info: () => {}, warn: (about, message) => lines.push([about, message]) });
  for (let n = 0; n < 1_000; n++) log.add("BadToken", "forged", "10.0.0.1");
  expect(lines).toEqual([[{ refusal: "BadToken", why: "forged", host: "10.0.0.1" }, "connection refused"]]);
  jest.advanceTimersByTime(10_000);
  expect(lines[1]).toEqual([{ refusal: "BadToken", why: "forged", times: 999 }, "connections refused again"]);
  lines.length = 0;
  for (let n = 0; n < 1_000; n++) log.add("NotADriver", `account ${n}`, undefined);
  log.stop();
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toEqual([{ times: 980 }, "connections refused for other reasons"]);
});
