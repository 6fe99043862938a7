import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { defineDriver } from "@vextir/driver-runtime";
import { eventually } from "../../fixtures/eventually.ts";
import { OUTAGE_MS, outage } from "../../fixtures/outage.ts";
import { World } from "./world.ts";

/** However long the bus was away: the longest wait between two attempts to connect, and a refusal in between. */
const SOON_MS = 10_000;

let world: World;
let ends = false;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => {
  ends = true;
  return world?.stop();
});

test(
  "the bus is away: nothing acknowledged is lost, and everybody comes back by himself",
  async () => {
    const seen = new Set<unknown>();
    const worker = await world.run(
      defineDriver({
        ...{ name: "worker", version: "1", class: "Agent" },
        on: { "work.a": (event) => void seen.add(event.data) },
      }),
      { subscriptions: [{ types: ["work.a"] }] },
    );
    const source = await world.run(defineDriver({ name: "source", version: "1", class: "IO" }), {
      capabilities: { publish: ["work.a"], state: true },
    });
    const acknowledged: number[] = [];
    let refused = 0;
    const publishing = (async () => {
      for (let n = 0; !ends; n++) {
        await source.driver.publish("work.a", n).then(
          () => acknowledged.push(n),
          () => refused++,
        );
        // A refusal may come at once, and whoever tries again at once would do nothing else.
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    await eventually(() => seen.size > 20, "under way");
    await world.bus.server.end("SIGKILL");
    await eventually(() => worker.running.obstacles().length > 0, "it is not ready");
    await outage();
    const before = acknowledged.length;
    await world.bus.startServer();
    const back = performance.now();
    await eventually(() => acknowledged.length > before + 20, "it is acknowledged again");
    const publishedMs = performance.now() - back;
    ends = true;
    await publishing;
    await eventually(() => acknowledged.every((n) => seen.has(n)), "all is handled");
    const handledMs = performance.now() - back;
    await eventually(
      () => [worker, source].every(({ running }) => running.obstacles().length === 0),
      "all are ready",
    );
    await source.driver.state.put("key", 1);
    process.stdout.write(
      `away for ${OUTAGE_MS / 1_000} s: ${refused} refused, 0 of ${acknowledged.length} lost; published again after ` +
        `${publishedMs.toFixed(0)} ms, all handled after ${handledMs.toFixed(0)} ms\n`,
    );
    expect(publishedMs).toBeLessThan(SOON_MS);
  },
  240_000 + OUTAGE_MS,
);
