import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ScalingReport } from "@vextir/api";
import type { DriverRow } from "@vextir/cli/local/driver-table.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { LocalProcess } from "./local-process.ts";

/** Sleeps; its calls and events are answered by a pod that is started for them. */
const SLEEPER = `import { defineDriver } from "@vextir/driver-runtime";
export default defineDriver({ name: "sleeper", version: "1.0.0", class: "Tool",
  on: { "job.asked": () => {} },
  methods: { ping: { handle: () => "pong" } } });`;
/** Calls the sleeper when it is asked over HTTP, and publishes what it is to handle. */
const CALLER = `import { createServer } from "node:http";
import { defineDriver } from "@vextir/driver-runtime";
export default defineDriver({ name: "caller", version: "1.0.0", class: "IO",
  capabilities: { publish: ["job.asked"], call: ["sleeper.ping"] },
  start: async (driver) => {
    createServer(async (request, response) => {
      const asked = request.url === "/call" ? driver.call("sleeper.ping", {}) : driver.publish("job.asked", {}).then(() => "published");
      response.end(String(await asked.catch((error) => error)));
    }).listen(driver.port("http"), driver.listenHost);
  } });`;

let local: LocalProcess;

const driver = (name: string, source: string, spec: string) => `apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: { name: ${name} }
spec:
  source:
    inline: |
${source
  .split("\n")
  .map((line) => `      ${line}`)
  .join("\n")}
${spec}
`;

beforeAll(async () => {
  const sleeper = `  class: Tool
  subscriptions: [{ types: ["job.asked"] }]
  scaling: { cooldownPeriod: 2, behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } }`;
  const caller = `  class: IO
  ports: [{ name: http, containerPort: 18080 }]
  capabilities: { publish: ["job.asked"], call: ["sleeper.ping"] }`;
  local = await LocalProcess.create({
    "sleeper.yaml": driver("sleeper", SLEEPER, sleeper),
    "caller.yaml": driver("caller", CALLER, caller),
  });
  local.up();
  await local.drivers((rows) => isReady(rows, "caller"), "caller is ready");
});
afterAll(() => local?.dispose());

const isReady = (rows: readonly DriverRow[], driver: string) =>
  rows.some(({ name, ready }) => name === driver && ready === "True");
const scaling = async (...args: string[]) => (await local.run("scaling", "sleeper", ...args)).stdout;
const report = async (): Promise<ScalingReport> => JSON.parse(await scaling("-o", "json"));
const asleep = async () => {
  await eventually(async () => (await report()).replicas === 0);
  await local.drivers((rows) => isReady(rows, "sleeper"), "sleeper is ready");
};

test("the first pod tells its manifest and goes; a call and an event each start one, and both are answered", async () => {
  await asleep();
  const rows = await local.drivers((all) => isReady(all, "caller"), "caller is ready");
  const [url] = rows.find(({ name }) => name === "caller")?.urls ?? [];
  expect(await (await fetch(`${url}/call`)).text()).toBe("pong");
  const woken = async () => (await report()).decisions.filter(({ to }) => to === 1);
  expect(await woken()).toEqual([
    expect.objectContaining({ from: 0, to: 1, reason: "Activated", message: "it is called" }),
  ]);
  await asleep();
  expect(await (await fetch(`${url}/publish`)).text()).toBe("published");
  await eventually(async () => (await woken()).length === 2);
  await asleep();
  const { lag, decisions } = await report();
  expect(lag).toMatchObject({ total: 0 });
  expect(decisions.map(({ from, to }) => `${from} -> ${to}`).slice(0, 4)).toEqual([
    "1 -> 0",
    "0 -> 1",
    "1 -> 0",
    "0 -> 1",
  ]);
  expect(await scaling()).toMatch(
    /^Driver default\/sleeper: 0 wanted[\s\S]*0 -> 1 {2}Activated: it is called/,
  );
});

test("of a driver that is not scaled it says so", async () => {
  await expect(local.run("scaling", "caller")).rejects.toMatchObject({
    stderr: expect.stringContaining("no Driver default/caller is scaled: it would need spec.scaling"),
  });
});
