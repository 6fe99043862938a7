import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { environment, vextir } from "./local-process.ts";

const WORKER = `import { defineDriver } from "@vextir/driver-runtime";
export default defineDriver({ name: "worker", version: "1.0.0", class: "Agent", capabilities: { publish: ["job.>"] },
  start: async (driver) => { await driver.publish("job.asked", { what: "a clean floor" }, { id: "the-job", userId: "ann" }); },
  on: { "job.asked": (event, context) => context.publish("job.done", { ok: true }, { id: "the-end" }) } });`;

let folder: string;
let up: ReturnType<typeof execFile>;
const ended = Promise.withResolvers<void>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-events-"));
  await mkdir(join(folder, "yaml"));
  const subscription = (name: string, rest: string) => `{ name: ${name}, ${rest}, types: [">"] }`;
  await writeFile(
    join(folder, "yaml", "ledger.yaml"),
    `apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: { name: ledger }
spec:
  class: Tool
  module: ledger
  config: { path: ${JSON.stringify(join(folder, "history"))} }
  subscriptions: [${subscription("default", "from: Events")}, ${subscription("handlings", "from: Handlings")}]
`,
  );
  up = execFile(
    process.execPath,
    [vextir, "up", "yaml"],
    { cwd: folder, env: { ...environment, TMPDIR: folder } },
    () => ended.resolve(),
  );
  await eventually(async () => JSON.parse(await run("get", "drivers", "-o", "json"))[0]?.ready === "True");
  const source = WORKER.split("\n")
    .map((line) => `      ${line}`)
    .join("\n");
  await writeFile(
    join(folder, "yaml", "worker.yaml"),
    `apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: { name: worker }
spec:
  class: Agent
  source:
    inline: |
${source}
  subscriptions: [{ types: ["job.asked"] }]
  capabilities: { publish: ["job.>"] }
`,
  );
});
afterAll(async () => {
  up.kill("SIGTERM");
  await ended.promise;
  await rm(folder, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<string> {
  const options = { cwd: folder, env: { ...environment, TMPDIR: folder, NO_COLOR: "1" } };
  return (await promisify(execFile)(process.execPath, [vextir, ...args], options)).stdout;
}

test("events tail, show and lineage tell what the ledger knows", async () => {
  const tree = await eventually(async () => {
    const text = await run("events", "lineage", "the-job");
    return /Succeeded/.test(text) && text;
  });
  expect(tree).toMatch(
    /^job\.asked {2}by worker {2}the-job ◀\n│ · worker #1 Succeeded [\d.]+ ms\n└─ job\.done {2}by worker {2}the-end\n$/,
  );
  expect(JSON.parse(await run("events", "lineage", "the-end", "-o", "json"))).toMatchObject({
    events: [
      { id: "the-job", userId: "ann" },
      { id: "the-end", causationId: "the-job" },
    ],
    edges: [{ from: 0, to: 1 }],
  });
  expect(await run("events", "show", "the-job")).toMatch(/"what": "a clean floor"[\s\S]*worker #1 Succeeded/);
  const tail = await run("events", "tail", "--no-follow", "--types", "job.>");
  expect(
    tail
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[1]),
  ).toEqual(["job.asked", "job.done"]);
  expect(await run("events", "tail", "--no-follow", "--text", "floor")).toMatch(/job\.asked/);
  await expect(run("events", "show", randomUUID())).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/the ledger has no event/),
  });
  await expect(run("events", "tail", "--ledger", "nobody")).rejects.toMatchObject({ code: 1 });
});
