import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { DriverRow } from "@vextir/cli/local/driver-table.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { freePort } from "../../fixtures/free-port.ts";
import { LocalProcess } from "./local-process.ts";

/** Between two events, so that some are in hand at any moment. */
const EVERY_MS = 8;

/** Keeps which version handled each `job`, and how often; `tally` is answered with all of it. */
const worker = ({ version = "one", mark = "a", setup = "" }) => `apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: { name: worker }
spec:
  class: Agent
  config: { mark: ${mark} }
  subscriptions: [{ types: [job, tally] }]
  capabilities: { publish: [told], state: true }
  source:
    inline: |
      import { defineDriver } from "@vextir/driver-runtime";
      ${setup}
      export default defineDriver({
        name: "worker", version: "1.0.0", class: "Agent",
        capabilities: { publish: ["told"], state: true },
        on: {
          job: async (event, ctx, driver) => {
            await new Promise((resolve) => setTimeout(resolve, 20));
            const before = (await driver.state.get(event.id))?.value ?? [];
            await driver.state.put(event.id, [...before, "${version}-" + driver.config.mark]);
          },
          tally: async (event, ctx, driver) => {
            const keys = await driver.state.keys();
            const values = await Promise.all(keys.map((key) => driver.state.get(key)));
            await ctx.publish("told", values.map(({ key, value }) => [key, value]));
          },
        },
      });
`;

const gateway = (port: number) => `apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: { name: gateway }
spec:
  class: IO
  module: gateway
  ports: [{ name: http, containerPort: ${port} }]
  config: { auth: { anonymous: { publish: [job, tally], read: [told] } }, observe: [told], replies: { tally: told } }
  capabilities: { publish: [job, tally], observe: [told], state: true }
`;

let local: LocalProcess;
let url: string;

beforeEach(async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  local = await LocalProcess.create({ "worker.yaml": worker({}), "gateway.yaml": gateway(port) });
  local.up();
  await local.ready("worker", "gateway");
});
afterEach(() => local.dispose());

interface Posted {
  id: string;
  /** What was answered, when that was waited for. */
  events?: { data: [string, string[]][] }[];
}

async function post(type: string, prefer: Record<string, string> = {}) {
  const response = await fetch(`${url}/api/events`, {
    method: "POST",
    headers: { "content-type": "application/cloudevents+json", ...prefer },
    body: JSON.stringify({ specversion: "1.0", id: randomUUID(), source: "/test", type, data: {} }),
  });
  return { status: response.status, ...((await response.json()) as Posted) };
}

/** Which version handled which event, each time that one did. */
async function handled(): Promise<Map<string, string[]>> {
  const { events } = await post("tally", { prefer: "wait=10" });
  return new Map(events?.[0]?.data ?? []);
}

/** Publishes jobs until told to stop. @returns their ids. */
function load(): () => Promise<string[]> {
  const over = new AbortController();
  const published = (async () => {
    const ids: string[] = [];
    while (!over.signal.aborted) {
      const { status, ...body } = await post("job");
      if (status !== 202) throw new Error(`${status}: ${JSON.stringify(body)}`);
      ids.push(body.id);
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    return ids;
  })();
  return () => {
    over.abort();
    return published;
  };
}

const versions = async () => new Set([...(await handled()).values()].flat());

test("while source and configuration are edited under load no event is lost", async () => {
  const stop = load();
  const edits = [
    { version: "one", mark: "b" },
    { version: "two", mark: "b" },
    { version: "three", mark: "c" },
    { version: "four", mark: "c" },
  ];
  for (const edit of edits) {
    await local.write("worker.yaml", worker(edit));
    await eventually(async () => (await versions()).has(`${edit.version}-${edit.mark}`));
  }
  const published = await stop();
  const found = await eventually(async () => {
    const all = await handled();
    return published.every((id) => all.has(id)) && all;
  });
  expect([...found.keys()].sort()).toEqual([...published].sort());
  // What a pod has in hand when it is told to end it finishes: nothing is done twice.
  const twice = [...found.values()].filter((times) => times.length > 1);
  console.log(`${published.length} events over ${edits.length} rollouts: ${twice.length} handled twice`);
  expect(twice).toEqual([]);
});

test("a bad version is held back: the pod before it serves on, and the next good one takes over", async () => {
  const stop = load();
  await eventually(async () => (await versions()).has("one-a"));
  const bad = [
    {
      reason: "it breaks when it is loaded",
      setup: 'throw new Error("broken on purpose");',
      says: "CrashLooping",
    },
    {
      reason: "it never gets ready",
      setup: "await new Promise((resolve) => setTimeout(resolve, 600_000));",
      says: "AwaitingManifest",
    },
    { reason: "it is no program at all", setup: "const = ;", says: "CrashLooping" },
  ];
  for (const { reason, setup, says } of bad) {
    await local.write("worker.yaml", worker({ version: "bad", setup }));
    const isHeldBack = (rows: readonly DriverRow[]) =>
      rows.some(({ name, reason: why }) => name === "worker" && why === says);
    await local.drivers(isHeldBack, `${reason}: ${says}`);
    const before = await handled();
    await eventually(async () => [...(await handled()).keys()].some((id) => !before.has(id)));
    expect(await versions()).toEqual(new Set(["one-a"]));
  }
  // The folder says what runs: a rollback says what to write there.
  const { stdout, stderr } = await local.run("rollback", "worker");
  expect(stderr).toContain("revision 1 of worker");
  await local.write("worker.yaml", stdout);
  await local.ready("worker", "gateway");
  expect((await local.run("history", "worker")).stdout).toMatch(/\n1 .* yes +inline/);
  expect(await versions()).toEqual(new Set(["one-a"]));
  await local.write("worker.yaml", worker({ version: "two" }));
  await eventually(async () => (await versions()).has("two-a"));
  const published = await stop();
  await eventually(async () => {
    const all = await handled();
    return published.every((id) => all.has(id));
  });
});
