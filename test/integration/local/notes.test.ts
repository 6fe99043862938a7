import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { isGone, LocalProcess } from "./local-process.ts";

const EXAMPLE = join(import.meta.dirname, "../../../examples/notes");
const DRIVERS = ["finder", "gateway", "keeper", "snoop"];
const files: Record<string, string> = {};
let local: LocalProcess;

beforeAll(async () => {
  for (const file of (await readdir(EXAMPLE)).filter((name) => name.endsWith(".yaml")))
    files[file] = await readFile(join(EXAMPLE, file), "utf8");
  const { "gateway.yaml": gateway = "", "snoop.yaml": snoop = "" } = files;
  local = await LocalProcess.create({ "gateway.yaml": gateway, "snoop.yaml": snoop });
});
afterAll(() => local?.dispose());

async function gatewayUrl(): Promise<string> {
  const rows = await local.drivers((all) => all.some(({ name }) => name === "gateway"), "a gateway");
  return rows.find(({ name }) => name === "gateway")?.urls[0] ?? "";
}

/** Posts an event and answers the data of the one that ended what it began. */
async function ask(type: string, data: object): Promise<Record<string, unknown>> {
  const event = { specversion: "1.0", id: crypto.randomUUID(), source: "/t", type, data };
  const answer = await fetch(`${await gatewayUrl()}/api/events`, {
    method: "POST",
    headers: { "content-type": "application/cloudevents+json", prefer: "wait=20" },
    body: JSON.stringify(event),
  });
  const { events } = (await answer.json()) as { events: { type: string; data: Record<string, unknown> }[] };
  const last = events.at(-1);
  if (!last || last.type === type) throw new Error(`no answer among ${JSON.stringify(events)}`);
  return last.data;
}

async function hubHealth(): Promise<string | undefined> {
  const answer = await fetch(`${await gatewayUrl()}/api/health`);
  return ((await answer.json()) as { hub?: { status: string } }).hub?.status;
}
const hubProcess = async () => (await local.processes()).find(({ what }) => what === "the context hub");

test("while no driver is granted documents there is no hub", async () => {
  local.up();
  await local.ready("gateway", "snoop");
  expect(await hubProcess()).toBeUndefined();
  expect(await hubHealth()).toBeUndefined();
});

test("it starts for the first driver that is, and the gateway, which was there before, finds it", async () => {
  await local.write("keeper.yaml", files["keeper.yaml"] ?? "");
  await local.write("finder.yaml", files["finder.yaml"] ?? "");
  await local.ready(...DRIVERS);
  await eventually(async () => (await hubHealth()) === "ok");
});

test("what one driver writes is found by another that may search, and refused to one without a grant", async () => {
  const text = "The key to the shed hangs behind the blue door.";
  const { id } = await ask("note.taken", { text });
  expect(id).toEqual(expect.any(String));
  expect(await ask("note.sought", { query: "shed key" })).toEqual({ notes: [text] });
  expect(await ask("note.pried", {})).toEqual({ runtime: "NotGranted", hub: "7" });
});

test("killed, it comes back with what was written", async () => {
  const before = await hubProcess();
  process.kill(before?.pid ?? 0, "SIGKILL");
  await local.said("ended unexpectedly; it is started again");
  await eventually(async () => {
    const { notes } = await ask("note.sought", { query: "door" });
    return (notes as string[]).length === 1;
  });
  expect((await hubProcess())?.pid).not.toBe(before?.pid);
});

test("it ends with the local mode, and the next run has its documents", async () => {
  const hub = await hubProcess();
  expect(await local.end("SIGTERM")).toBe(0);
  expect(hub && isGone(hub)).toBe(true);
  local.up();
  // Until it has taken the state, what the run before said of itself is still there.
  await eventually(async () => {
    const next = await hubProcess();
    return next !== undefined && next.pid !== hub?.pid;
  });
  await local.ready(...DRIVERS);
  expect(await ask("note.sought", { query: "blue" })).toMatchObject({
    notes: [expect.stringContaining("blue door")],
  });
});
