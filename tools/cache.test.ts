import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { cached } from "./cache.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-cache-"));
  process.env["VEXTIR_CACHE"] = folder;
});
afterEach(async () => {
  delete process.env["VEXTIR_CACHE"];
  await rm(folder, { recursive: true, force: true });
});

const writes = (name: string, text: string) => async (into: string) => writeFile(join(into, name), text);

test("one of several that ask at once makes it; the others get what it made", async () => {
  let made = 0;
  const ask = () =>
    cached("tool-1", ["tool"], async (into) => {
      made++;
      await writes("tool", "program")(into);
    });
  const answers = await Promise.all([ask(), ask(), ask()]);
  expect(made).toBe(1);
  expect(new Set(answers.flat())).toEqual(new Set([join(folder, "tool-1", "tool")]));
});

test("what failed leaves nothing, and the next one tries again", async () => {
  const failure = new Error("no network");
  await expect(cached("tool-1", ["tool"], () => Promise.reject(failure))).rejects.toBe(failure);
  expect(await readdir(join(folder, "tool-1"))).toEqual([]);
  const [path] = await cached("tool-1", ["tool"], writes("tool", "program"));
  expect(await readFile(path as string, "utf8")).toBe("program");
});

test("a dead process's lock is taken over", async () => {
  await cached("tool-1", ["other"], writes("other", ""));
  await writeFile(join(folder, "tool-1", ".lock-tool"), "2147483646");
  await expect(cached("tool-1", ["tool"], writes("tool", "program"))).resolves.toHaveLength(1);
});
