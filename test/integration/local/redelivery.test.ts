import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { LocalProcess } from "./local-process.ts";

const ORDERS = `apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: { name: orders }
spec:
  class: Agent
  source:
    inline: |
      import { defineDriver, TerminalError } from "@vextir/driver-runtime";
      export default defineDriver({ name: "orders", version: "1.0.0", class: "Agent",
        on: { "order.*": (event, { log }) => {
          log.warn({ handled: event.id, replay: event.replay?.kind ?? "none" }, "handles");
          if (event.data.bad) throw new TerminalError("this order can't be read\\u001b[31m"); } } });
  subscriptions: [{ types: ["order.*"] }]
`;
const SHOP = `apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: { name: shop }
spec:
  class: IO
  source:
    inline: |
      import { defineDriver } from "@vextir/driver-runtime";
      export default defineDriver({ name: "shop", version: "1.0.0", class: "IO", capabilities: { publish: ["order.>"] },
        start: async (driver) => {
          await driver.publish("order.placed", { n: 1 }, { id: "good" });
          await driver.publish("order.placed", { bad: true }, { id: "bad", userId: "ann" });
          await driver.publish("order.changed", { bad: true }, { id: "worse" }); } });
  capabilities: { publish: ["order.>"] }
`;

let local: LocalProcess;
beforeAll(async () => {
  local = await LocalProcess.create({ "orders.yaml": ORDERS });
  local.up();
  await local.ready("orders");
  // Later: events of before are none for a subscription.
  await local.write("shop.yaml", SHOP);
  await local.ready("orders", "shop");
});
afterAll(() => local.dispose());

/** A command as the page shows it. */
async function run(command: string): Promise<string> {
  const args = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
  expect(args.shift()).toBe("vextir");
  return (await local.run(...args)).stdout;
}

const handled = (id: string, replay: string) =>
  local.output
    .split("\n")
    .filter((line) => line.includes(`"handled":"${id}"`) && line.includes(`"replay":"${replay}"`)).length;

test("the commands of docs/events.md do what it says", async () => {
  const page = await readFile(join(import.meta.dirname, "../../../docs/events.md"), "utf8");
  const [, block = ""] = /```sh\n(vextir dlq[\s\S]*?)```/.exec(page) ?? [];
  const commands = block.trim().split("\n");
  const [list = "", show = "", redrive = "", drop = "", dry = "", replay = "", ...more] = commands;
  expect(more).toEqual([]);

  const listed = await eventually(async () => {
    const text = await run(list);
    return text.includes("order.changed") && text;
  });
  expect(listed).toMatch(/^NUMBER +AT +DRIVER +TYPE +REASON +ATTEMPTS +REDRIVEN +ERROR\n/);
  expect(listed).toMatch(
    /\n1 +\S+Z +orders +order\.placed +Terminal +1 +0 +this order can't be read\\x1b\[31m\n/,
  );
  expect(await run(show)).toMatch(/event\.userid +ann\n[\s\S]*"bad": true/);

  expect(await run(redrive)).toBe("1 redriven: order.placed 1\n");
  await eventually(() => handled("bad", "Redrive") === 1);
  const again = await eventually(async () => {
    const letters = JSON.parse(await run("vextir dlq list -o json"));
    return letters.length === 2 && letters;
  });
  expect(again).toMatchObject([
    { sequence: 2, type: "order.changed", attempts: 1, redrives: 0 },
    { sequence: 3, type: "order.placed", attempts: 2, redrives: 1 },
  ]);
  expect(await run(drop)).toBe("2 dropped: order.changed 1, order.placed 1\n");
  expect(await run(list)).toBe("No dead letters.\n");

  expect(await run(dry)).toBe("3 events would be sent to orders: order.changed 1, order.placed 2\n");
  expect(handled("good", "Replay")).toBe(0);
  expect(await run(replay)).toMatch(
    /^3 events sent to orders: order\.changed 1, order\.placed 2\nreplay [0-9a-f-]{36}\n$/,
  );
  await eventually(() => handled("good", "Replay") === 1 && handled("worse", "Replay") === 1);
});

test("what can't be meant is refused, with a word on what to do", async () => {
  const refused: [string, RegExp][] = [
    ["vextir dlq redrive", /Give their numbers, a filter such as --driver, or --all/],
    ["vextir dlq list --from yesterday", /"yesterday" is no time/],
    ["vextir dlq show 999", /there is no dead letter 999/],
    ["vextir replay --driver nobody --from 1h", /there is no Driver nobody/],
    ["vextir replay --driver orders --from 1h --id x", /--id and --after belong together/],
  ];
  for (const [command, stderr] of refused)
    await expect(run(command)).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(stderr) });
});
