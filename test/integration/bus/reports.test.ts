import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type { NatsConnection } from "@nats-io/transport-node";
import type { ManifestReport, ManifestVerdict } from "@vextir/api";
import { type ReportListener, startReportListener } from "@vextir/operator/bus/index.ts";
import { startBus, type TestBus } from "../../fixtures/nats.ts";
import { request } from "./world.ts";

let bus: TestBus;
let listener: ReportListener;
let connection: NatsConnection;
let judge: (report: ManifestReport) => Promise<ManifestVerdict>;
const reports: string[] = [];

const ACCEPTED = { accepted: true, reason: "Accepted", message: "" };
const REPORT = { pod: "d-0", templateHash: "abc", manifest: { name: "d", version: "1.0.0", class: "Tool" } };

beforeAll(async () => {
  bus = await startBus();
  listener = startReportListener({
    servers: [bus.url],
    realm: bus.realm,
    log: { info: () => {}, warn: () => {} },
    onReport: async (namespace, driver, report) => {
      reports.push(`${namespace}/${driver} ${report.manifest.version}`);
      return judge(report);
    },
  });
  await listener.ready();
  connection = await bus.connect(await bus.driver("d"));
});
afterAll(async () => {
  await connection.close();
  await listener.stop();
  await bus.stop();
});
beforeEach(() => {
  judge = async () => ACCEPTED;
  reports.length = 0;
});

const report = async (body: unknown): Promise<ManifestVerdict> =>
  JSON.parse(
    await request(connection, "vextir.report", typeof body === "string" ? body : JSON.stringify(body)),
  );

test("a driver's report arrives under the name of its account, and the verdict goes back", async () => {
  expect(await report(REPORT)).toEqual(ACCEPTED);
  expect(reports).toEqual(["team/d 1.0.0"]);
});

test.each([
  { body: "{", says: "JSON", reason: "no JSON" },
  {
    body: { ...REPORT, manifest: { name: "d" } },
    says: "manifest.version",
    reason: "an incomplete manifest",
  },
  { body: { ...REPORT, pod: "x".repeat(600_000) }, says: "524288", reason: "a huge one" },
])("$reason is refused with what is wrong, and reaches nobody", async ({ body, says }) => {
  const verdict = await report(body);
  expect(verdict).toMatchObject({ accepted: false, reason: "InvalidReport" });
  expect(verdict.message).toContain(says);
  expect(reports).toEqual([]);
});

test("a judge that fails means: ask again", async () => {
  judge = () => Promise.reject(new Error("no connection to the API server"));
  expect(await report(REPORT)).toMatchObject({ accepted: false, reason: "Unavailable" });
  judge = async () => ACCEPTED;
  expect(await report(REPORT)).toEqual(ACCEPTED);
});

test("nobody listens: the driver is told so at once", async () => {
  await listener.stop();
  await expect(report(REPORT)).rejects.toThrow();
});
