// The measured driver: on command it publishes to itself and measures until its handler ran. Loaded by the bundled host.
import { defineDriver } from "@vextir/driver-runtime";
import { Load, PAYLOAD } from "./load.ts";

const load = new Load();
let handled = 0;
let published = 0;

export default defineDriver({
  name: "bench",
  version: "1.0.0",
  class: "Agent",
  capabilities: { publish: ["bench.>"] },
  on: {
    "bench.event": async (event) => {
      handled++;
      load.handled(event.source);
    },
  },
  async start(driver) {
    const publish = (id: string) => {
      published++;
      return driver.publish("bench.event", PAYLOAD, { source: id });
    };
    const settled = async () => {
      while (handled < published) await new Promise((resolve) => setTimeout(resolve, 2));
    };
    // After start() returns the driver consumes; measuring begins on the first turn after that.
    setTimeout(async () => {
      const round = await load.measure({ publish, settled });
      process.stdout.write(`\nROUND ${JSON.stringify(round)}\n`);
    }, 500);
  },
});
