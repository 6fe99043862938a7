import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { DriverProcess } from "../../fixtures/driver-process.ts";
import { startBus, type TestBus } from "../../fixtures/nats.ts";

const SECRETS = {
  password: 'p"ss\\w0rd/canary+7',
  key: "-----BEGIN KEY-----\ncanaryline\n-----END KEY-----",
};

/** Lets its secrets out wherever an honest mistake would. */
const SOURCE = `
import { defineDriver } from "@vextir/driver-runtime";
export default defineDriver({
  name: "careless",
  version: "1.0.0",
  class: "IO",
  start(driver) {
    const { password, key } = driver.config;
    driver.log.info({ config: driver.config }, "begins");
    driver.log.warn("can't connect to postgres://me:" + encodeURIComponent(password) + "@db");
    driver.log.error({ err: new Error("refused: " + password, { cause: new Error(key) }) }, "refused");
    driver.log.info({ header: "Basic " + Buffer.from(password).toString("base64") });
    if (driver.config.crash) setTimeout(() => { throw new Error("login failed for " + password); }, 50);
  },
});
`;

let bus: TestBus;
let reports: ReturnType<TestBus["acceptReports"]>;
beforeAll(async () => {
  bus = await startBus();
  reports = bus.acceptReports();
});
afterAll(async () => {
  await reports?.stop();
  await bus?.stop();
});

const forms = (value: string) => [
  value,
  JSON.stringify(value).slice(1, -1),
  encodeURIComponent(value),
  Buffer.from(value).toString("base64"),
];

test.each([false, true])("secrets stand in no log, metric or probe; when it crashes: %s", async (crash) => {
  const input = { name: "careless", class: "IO" as const, source: SOURCE };
  const driver = await DriverProcess.start(bus, { ...input, config: { crash }, secrets: SECRETS });
  const bodies: string[] = [];
  if (crash) await once(driver.child, "close");
  else {
    await driver.ready();
    for (const path of ["healthz", "readyz", "metrics"])
      bodies.push(await (await fetch(`${driver.healthUrl}/${path}`)).text());
    await driver.stop();
  }
  const said = [driver.output, ...bodies].join("\n");
  expect(said).toContain("[secret password]");
  expect(said).toContain("[secret key]");
  expect(said.includes("login failed for")).toBe(crash);
  for (const form of Object.values(SECRETS).flatMap(forms)) expect(said).not.toContain(form);
  await driver.stop();
});
