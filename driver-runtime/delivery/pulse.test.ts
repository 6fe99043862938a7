import { expect, test } from "@jest/globals";
import { Pulse } from "./pulse.ts";

test("a process that stood still is known, before and after its timers run again", () => {
  const pulse = new Pulse(100, 0);
  for (const at of [100, 205, 330]) {
    expect(pulse.missed(at)).toBe(false);
    pulse.beat(at);
  }
  expect(pulse.missed(450)).toBe(false);
  // Input that is read first.
  expect(pulse.missed(1_000)).toBe(true);
  pulse.beat(1_001);
  expect(pulse.missed(1_050)).toBe(true);
  expect(pulse.missed(1_101)).toBe(false);
});
