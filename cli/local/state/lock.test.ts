import { spawn } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { startOf } from "../processes/identity.ts";
import { lockHolder, StateLock } from "./lock.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-lock-"));
  path = join(folder, "lock");
});
afterEach(() => rm(folder, { recursive: true }));

test("one holder at a time; released, it is free, and leaves nothing behind", async () => {
  const lock = StateLock.acquire(path);
  expect(lockHolder(path)?.pid).toBe(process.pid);
  expect(() => StateLock.acquire(path)).toThrow(
    expect.objectContaining({ code: "StateLocked", message: expect.stringContaining(String(process.pid)) }),
  );
  lock.release();
  StateLock.acquire(path).release();
  expect(await readdir(folder)).toEqual([]);
});

test("the lock of a process that is gone is free, also when its id belongs to another by now", async () => {
  const other = spawn("sleep", ["600"], { stdio: "ignore" });
  try {
    for (const holder of [
      { pid: 2 ** 22 + 1, start: "x" },
      { pid: other.pid, start: "another time" },
    ]) {
      await writeFile(path, JSON.stringify(holder));
      StateLock.acquire(path).release();
    }
    await writeFile(path, JSON.stringify({ pid: other.pid, start: startOf(other.pid as number) }));
    expect(() => StateLock.acquire(path)).toThrow(expect.objectContaining({ code: "StateLocked" }));
  } finally {
    other.kill("SIGKILL");
  }
});

test("a lock file that says nothing is free", async () => {
  await writeFile(path, "{");
  StateLock.acquire(path).release();
});
