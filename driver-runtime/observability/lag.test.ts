import { afterEach, expect, test } from "@jest/globals";
import { defineDriver } from "../driver/define-driver.ts";
import { type TestKit, testKit } from "../testing/index.ts";

let kit: TestKit | undefined;
afterEach(() => kit?.stop());

test.each([
  { reason: "one consumer", subscription: { delivery: { maxAckPending: 1 } } },
  { reason: "over all lanes", subscription: { ordering: "ByKey" as const, lanes: 4 } },
])(
  "what waits for a subscription is its lag, asked of the bus at each scrape: $reason",
  async ({ subscription }) => {
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const slow = defineDriver({
      name: "slow",
      version: "1.0.0",
      class: "Agent",
      on: {
        "a.b": async () => {
          begun.resolve();
          await go.promise;
        },
      },
    });
    kit = await testKit(slow, { subscriptions: [{ types: ["a.b"], ...subscription }] });
    const lag = async () =>
      /^vextir_driver_events_pending\{.*subscription="default".*\} (\d+)$/m.exec(
        (await kit?.metrics()) ?? "",
      )?.[1];
    expect(await lag()).toBe("0");
    for (let i = 0; i < 4; i++) await kit.publish("a.b", i, { partitionKey: "one" });
    await begun.promise;
    expect(await lag()).toBe("3");
    go.resolve();
    while ((await lag()) !== "0") await new Promise(setImmediate);
  },
);
