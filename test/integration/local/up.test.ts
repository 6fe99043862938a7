import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { freePort } from "../../fixtures/free-port.ts";
import { environment, isGone, LocalProcess, vextir } from "./local-process.ts";

/** Answers `ping` with `pong`: its version, its process, and all ids that it ever handled, which it keeps on the bus. */
const echo = (version: string, spec = "") => `apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: { name: echo }
spec:
  class: Agent
  ${spec}
  subscriptions: [{ types: [ping], delivery: { maxAckPending: 1, ackWait: 2s } }]
  capabilities: { publish: [pong], state: true }
  source:
    inline: |
      import { defineDriver } from "@vextir/driver-runtime";
      export default defineDriver({
        name: "echo", version: "1.0.0", class: "Agent",
        capabilities: { publish: ["pong"], state: true },
        on: {
          ping: async (event, ctx, driver) => {
            const seen = [...((await driver.state.get("seen"))?.value ?? []), event.id];
            await driver.state.put("seen", seen);
            await ctx.publish("pong", { version: "${version}", pid: process.pid, seen });
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
  config: { auth: { anonymous: { publish: [ping], read: [pong] } }, observe: [pong], replies: { ping: pong } }
  capabilities: { publish: [ping], observe: [pong], state: true }
`;

interface Pong {
  version: string;
  pid: number;
  seen: string[];
}

let local: LocalProcess;
let url: string;

beforeEach(async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  local = await LocalProcess.create({ "echo.yaml": echo("one"), "gateway.yaml": gateway(port) });
});
afterEach(() => local.dispose());

async function post(
  prefer: Record<string, string>,
): Promise<{ status: number; id: string; events?: { data: Pong }[] }> {
  const response = await fetch(`${url}/api/events`, {
    method: "POST",
    headers: { "content-type": "application/cloudevents+json", ...prefer },
    body: JSON.stringify({ specversion: "1.0", id: randomUUID(), source: "/test", type: "ping", data: {} }),
  });
  return { status: response.status, ...((await response.json()) as { id: string }) };
}

/** Asks until it is answered: while a driver is started again there may be nobody. */
const ping = () => eventually(async () => (await post({ prefer: "wait=5" })).events?.[0]?.data);

describe("while it runs", () => {
  test("edits are reconciled, bad YAML leaves the last good version, and a removed file its driver", async () => {
    local.up();
    const rows = await local.ready("echo", "gateway");
    expect(rows.find(({ name }) => name === "gateway")?.urls).toEqual([url]);
    const first = await ping();
    expect(first.version).toBe("one");

    await local.write("echo.yaml", echo("two"));
    const second = await eventually(async () => {
      const pong = await ping();
      return pong.version === "two" && pong;
    });
    expect(second.seen.slice(0, first.seen.length)).toEqual(first.seen);

    await local.write("echo.yaml", echo("three", "replicas: many"));
    expect(await local.said("spec.replicas")).toMatch(/echo\.yaml:6: Driver echo/);
    expect((await ping()).version).toBe("two");

    await local.remove("echo.yaml");
    await local.ready("gateway");
    await eventually(async () => !(await local.processes()).some(({ what }) => what.includes("echo")));
    expect(await post({})).toMatchObject({ status: 202 });
  });

  test("a driver and the bus that are killed come back", async () => {
    local.up();
    await local.ready("echo", "gateway");
    const before = await ping();
    process.kill(before.pid, "SIGKILL");
    const after = await eventually(async () => {
      const pong = await ping();
      return pong.pid !== before.pid && pong;
    });
    expect(after.seen).toContain(before.seen[0]);

    const bus = (await local.processes()).find(({ what }) => what.includes("nats-server"));
    process.kill(bus?.pid ?? 0, "SIGKILL");
    await local.said("started again");
    const later = await ping();
    expect(later.seen).toContain(before.seen[0]);
  });

  test("a second one on the same state says who is first; `get drivers` finds the running one", async () => {
    local.up();
    await local.ready("echo", "gateway");
    const run = (...args: string[]) =>
      promisify(execFile)(process.execPath, [vextir, ...args], { env: environment }).catch((error) => error);
    const second = await run("up", local.folder, "--state", local.state);
    expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining(`process ${local.pid}`) });
    const { stdout } = await run("get", "drivers", "--state", local.state);
    expect(stdout).toMatch(/^NAME +CLASS +READY +ACTIVE +REPLICAS +AGE +AT\necho +Agent +True/);
    const absent = await run("get", "drivers", "--state", `${local.state}-other`);
    expect(absent).toMatchObject({ code: 1, stderr: expect.stringContaining("no local mode runs") });
  });
});

describe("when it ends", () => {
  test("by Ctrl-C nothing is left, and the next run handles what was published before", async () => {
    local.up();
    await local.ready("echo", "gateway");
    const before = await ping();
    await local.write("echo.yaml", echo("one", "replicas: 0"));
    await eventually(async () => !(await local.processes()).some(({ what }) => what.includes("echo")));
    const { id, status } = await post({});
    expect(status).toBe(202);
    const processes = await local.processes();
    expect(processes.length).toBeGreaterThanOrEqual(2);
    expect(await local.end("SIGINT")).toBe(0);
    expect(processes.filter((record) => !isGone(record))).toEqual([]);
    expect(await local.processes()).toEqual([]);
    await expect(reach()).rejects.toMatchObject({ code: "ECONNREFUSED" });

    await local.write("echo.yaml", echo("one"));
    local.up();
    await local.ready("echo", "gateway");
    const { seen } = await ping();
    expect(seen.slice(0, before.seen.length + 1)).toEqual([...before.seen, id]);
  });

  test("with new keys the next run goes on where the last one stopped", async () => {
    local.up();
    await local.ready("echo", "gateway");
    const before = await ping();
    const rotate = () =>
      promisify(execFile)(process.execPath, [vextir, "keys", "rotate", "--state", local.state], {
        env: environment,
      }).catch((error) => error);
    expect(await rotate()).toMatchObject({ code: 1, stderr: expect.stringContaining("already runs") });
    expect(await local.end("SIGINT")).toBe(0);
    const master = await readFile(join(local.state, "keys", "master"));
    expect((await rotate()).stdout).toContain("new");
    expect(await readFile(join(local.state, "keys", "master"))).not.toEqual(master);
    local.up();
    await local.ready("echo", "gateway");
    expect((await ping()).seen).toContain(before.seen[0]);
  });

  test("a driver whose file is removed meanwhile is cleaned up: made again, it is a new one", async () => {
    local.up();
    await local.ready("echo", "gateway");
    const before = await ping();
    await local.end("SIGTERM");
    await local.remove("echo.yaml");
    local.up();
    await local.ready("gateway");
    await local.write("echo.yaml", echo("one"));
    await local.ready("echo", "gateway");
    expect((await ping()).seen).not.toContain(before.seen[0]);
  });

  test("by SIGKILL its processes end by themselves, and the state is free", async () => {
    local.up();
    await local.ready("echo", "gateway");
    const before = await ping();
    const processes = await local.processes();
    expect(await local.end("SIGKILL")).toBe("SIGKILL");
    await eventually(() => processes.every(isGone));
    local.up();
    await local.ready("echo", "gateway");
    expect((await ping()).seen).toContain(before.seen[0]);
  });

  test("by SIGKILL of it and of its guardian: the next run ends what is left over", async () => {
    local.up();
    await local.ready("echo", "gateway");
    const processes = await local.processes();
    const guardian = await guardianOf(local.pid);
    process.kill(guardian, "SIGKILL");
    await local.end("SIGKILL");
    expect(processes.some((record) => !isGone(record))).toBe(true);
    local.up();
    await local.said("left over");
    await local.ready("echo", "gateway");
    expect(processes.filter((record) => !isGone(record))).toEqual([]);
  });

  test("a second Ctrl-C does not wait for a driver that won't stop", async () => {
    const slow = `      process.removeAllListeners("SIGTERM");\n      process.on("SIGTERM", () => console.log("not yet"));\n`;
    const stubborn = echo("one").replace(
      "          ping: async (event, ctx, driver) => {\n",
      (line) => `${line}${slow}`,
    );
    await local.write("echo.yaml", stubborn);
    local.up();
    await local.ready("echo", "gateway");
    await ping();
    const processes = await local.processes();
    await local.signal("SIGINT");
    await local.said("not yet");
    // One that follows at once is the same Ctrl-C, passed on by npm.
    const again = setInterval(() => void local.signal("SIGINT"), 200);
    expect(await local.ended().finally(() => clearInterval(again))).toBe(130);
    expect(processes.filter((record) => !isGone(record))).toEqual([]);
  });

  test("by Ctrl-C while it is still starting", async () => {
    local.up();
    await eventually(async () => (await local.processes().catch(() => [])).length > 0);
    const processes = await local.processes();
    expect(await local.end("SIGINT")).toBe(0);
    expect(processes.filter((record) => !isGone(record))).toEqual([]);
  });
});

function reach(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });
}

/** The shell that ends what its parent leaves behind. */
async function guardianOf(parent: number): Promise<number> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid=,args="]);
  const line = stdout
    .split("\n")
    .find((text) => text.includes("read -r sign group") && Number(text.trim().split(/\s+/)[1]) === parent);
  return Number(line?.trim().split(/\s+/)[0]);
}
