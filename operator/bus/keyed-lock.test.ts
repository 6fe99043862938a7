import { expect, test } from "@jest/globals";
import { KeyedLock } from "./keyed-lock.ts";

test("work on one key is done in turn, also after a failure; other keys don't wait", async () => {
  const lock = new KeyedLock();
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = lock.run("a", async () => {
    await gate.promise;
    order.push("a1");
    throw new Error("failed");
  });
  const second = lock.run("a", async () => order.push("a2"));
  await lock.run("b", async () => order.push("b"));
  gate.resolve();
  await expect(first).rejects.toThrow("failed");
  await second;
  expect(order).toEqual(["b", "a1", "a2"]);
});
