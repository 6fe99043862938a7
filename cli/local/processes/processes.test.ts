import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { eventually } from "../../../test/fixtures/eventually.ts";
import { startOf } from "./identity.ts";
import { Ledger } from "./ledger.ts";
import { Processes } from "./processes.ts";

let folder: string;
let processes: Processes;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-processes-"));
  processes = new Processes(join(folder, "processes.json"));
});
afterEach(async () => {
  processes.killAll();
  processes.close();
  await rm(folder, { recursive: true });
});

async function shell(script: string) {
  const lines: string[] = [];
  const process = await processes.start({
    what: "a test",
    command: "/bin/sh",
    args: ["-c", script],
    env: { PATH: "/usr/bin:/bin" },
    cwd: folder,
    onLine: (line) => lines.push(line),
  });
  return { process, lines };
}

describe("a process", () => {
  test("its lines, its exit code", async () => {
    const { process, lines } = await shell("echo one; echo two >&2; exit 3");
    expect(await process.exited).toEqual({ code: 3, signal: null });
    expect(lines.sort()).toEqual(["one", "two"]);
  });

  test("stops by SIGTERM, and by SIGKILL when it does not listen", async () => {
    const polite = await shell("trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done");
    const deaf = await shell("trap '' TERM; echo up; while :; do sleep 0.05; done");
    await eventually(() => polite.lines.length > 0 && deaf.lines.length > 0);
    expect(await polite.process.stop(10_000)).toEqual({ code: 0, signal: null });
    expect(await deaf.process.stop(100)).toEqual({ code: null, signal: "SIGKILL" });
  });

  test("takes along what it started", async () => {
    const { process, lines } = await shell("sleep 600 & echo $!; exit 1");
    expect(await process.exited).toEqual({ code: 1, signal: null });
    // A killed process closes its output a moment before it is gone.
    await eventually(() => startOf(Number(lines[0])) === undefined);
  });

  test("a program that does not exist is an error", async () => {
    const options = {
      what: "a test",
      command: join(folder, "none"),
      args: [],
      env: {},
      cwd: folder,
      onLine: () => {},
    };
    await expect(processes.start(options)).rejects.toMatchObject({ code: "StartFailed" });
  });
});

describe("what is left over", () => {
  test("the next run ends it, and nothing else", async () => {
    const ours = spawn("/bin/sh", ["-c", "trap '' TERM; sleep 600"], { detached: true, stdio: "ignore" });
    const other = spawn("sleep", ["600"], { detached: true, stdio: "ignore" });
    const path = join(folder, "processes.json");
    const pid = ours.pid as number;
    const reused = {
      pid: other.pid as number,
      start: "another time",
      what: "an older process of the same id",
    };
    await writeFile(path, JSON.stringify([{ pid, start: startOf(pid), what: "ours" }, reused]));
    try {
      const ended = await new Ledger(path).endOrphans(100);
      expect(ended.map(({ what }) => what)).toEqual(["ours"]);
      expect(startOf(pid)).toBeUndefined();
      expect(startOf(other.pid as number)).toBeDefined();
      expect(await readFile(path, "utf8")).toBe("[]");
    } finally {
      other.kill("SIGKILL");
      ours.kill("SIGKILL");
    }
  });

  test("the guardian ends it when this process is gone", async () => {
    await processes.open();
    const { process, lines } = await shell("sleep 600 & echo $!; wait");
    await eventually(() => lines.length > 0);
    // Its input ends just as it would if this process were killed.
    processes.close();
    expect(await process.exited).toMatchObject({ signal: "SIGTERM" });
    await eventually(() => startOf(Number(lines[0])) === undefined);
  });
});
