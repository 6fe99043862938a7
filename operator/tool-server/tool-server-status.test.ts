import { expect, test } from "@jest/globals";
import { API_VERSION, type Driver, type ToolServer, type ToolServerReport } from "@vextir/api";
import { no, yes } from "../conditions.ts";
import { aDriver } from "../testing/objects.ts";
import { type ToolServerObserved, toolServerStatus } from "./tool-server-status.ts";

const at = "2026-01-01T00:00:00Z";
const ready = (status: "True" | "False", message = ""): Driver =>
  ({
    ...aDriver({}),
    status: { conditions: [{ type: "Ready", status, reason: "Because", message, lastTransitionTime: at }] },
  }) as Driver;
const report = (more: Partial<ToolServerReport>): ToolServerReport => ({
  ...{ state: "Reachable", tools: ["a", "b"], leftOut: [] },
  ...more,
});
const before = { tools: ["a"], toolCount: 1, server: { name: "x", version: "1" } };
const server = {
  ...{ apiVersion: API_VERSION, kind: "ToolServer" },
  metadata: { name: "docs", generation: 3 },
  status: before,
} as unknown as ToolServer;

const table: { reason: string; observed: ToolServerObserved; want: string; tools: string[] }[] = [
  { reason: "nothing is there yet", observed: {}, want: "Unknown Unknown Unknown", tools: ["a"] },
  {
    reason: "the Driver is refused",
    observed: { driver: ready("False", "PolicyViolation") },
    want: "False Unknown False",
    tools: ["a"],
  },
  {
    reason: "no pod answers for a moment",
    observed: { driver: ready("True"), silence: "nobody" },
    want: "True Unknown Unknown",
    tools: ["a"],
  },
  {
    reason: "the server is away",
    observed: {
      driver: ready("True"),
      report: report({ state: "Unreachable", lastError: { message: "away", at } }),
    },
    want: "True False False",
    tools: ["a", "b"],
  },
  {
    reason: "all is well",
    observed: { driver: ready("True"), report: report({}) },
    want: "True True True",
    tools: ["a", "b"],
  },
];
test.each(table)("$reason: DriverReady, Reachable and Ready are $want", ({ observed, want, tools }) => {
  const status = toolServerStatus(server, yes("Accepted", "it is"), observed, 0);
  const of = (type: string) => status.conditions?.find((condition) => condition.type === type)?.status;
  expect([of("DriverReady"), of("Reachable"), of("Ready")].join(" ")).toBe(want);
  expect(status).toMatchObject({ tools, toolCount: tools.length, observedGeneration: 3 });
});

test("what is left out is said where the server is reachable", () => {
  const observed = { driver: ready("True"), report: report({ leftOut: ["huge (too large)"] }) };
  const { conditions = [] } = toolServerStatus(server, yes("Accepted", "it is"), observed, 0);
  expect(conditions.find(({ type }) => type === "Reachable")?.message).toMatch(/left out: huge/);
});

test("of a spec that is not carried out nothing else is said", () => {
  const { conditions = [] } = toolServerStatus(server, no("Invalid", "no URL"), {}, 0);
  expect(conditions.find(({ type }) => type === "Ready")).toMatchObject({
    status: "False",
    reason: "Invalid",
  });
});
