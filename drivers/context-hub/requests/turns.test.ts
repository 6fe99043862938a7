import { setImmediate as tick } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { Turns } from "./turns.ts";

test("one key's work is done in turn, another's meanwhile, and a failure holds nobody up", async () => {
  const turns = new Turns();
  const seen: string[] = [];
  const work = (name: string) => async () => {
    seen.push(`${name} begins`);
    await tick();
    seen.push(`${name} ends`);
    if (name === "a1") throw new Error("fails on purpose");
    return name;
  };
  const all = ["a1", "a2", "b1"].map((name) => turns.take(name.charAt(0), work(name)));
  const results = await Promise.allSettled(all);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
  expect(seen.indexOf("a2 begins")).toBeGreaterThan(seen.indexOf("a1 ends"));
  expect(seen.indexOf("b1 begins")).toBeLessThan(seen.indexOf("a1 ends"));
});
