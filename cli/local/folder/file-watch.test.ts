import { mkdir, mkdtemp, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { FileWatch } from "./file-watch.ts";

let home: string;
let folder: string;
let watch: FileWatch;
let reads: number;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "vextir-watch-"));
  folder = join(home, "yaml");
  await mkdir(folder);
  await write("a.yaml", "1");
  reads = 0;
  watch = new FileWatch(folder, async () => void reads++);
  await watch.start();
});
afterEach(async () => {
  await watch.close();
  await rm(home, { recursive: true, force: true });
});

const write = (name: string, text: string) => writeFile(join(folder, name), text);

/** It is read once more, and not again until something else is done. */
async function isReadFor(change: () => Promise<unknown>): Promise<void> {
  const before = reads;
  await change();
  while (reads === before) await new Promise((resolve) => setTimeout(resolve, 10));
}

const table = [
  { reason: "is written with as many bytes", change: () => write("a.yaml", "2") },
  {
    reason: "is replaced by one of the same size and time, as some editors and synchronisers do",
    change: async () => {
      const { atime, mtime } = await stat(join(folder, "a.yaml"));
      await write("b.tmp", "2");
      await utimes(join(folder, "b.tmp"), atime, mtime);
      await rename(join(folder, "b.tmp"), join(folder, "a.yaml"));
    },
  },
  { reason: "is removed", change: () => rm(join(folder, "a.yaml")) },
  { reason: "is renamed", change: () => rename(join(folder, "a.yaml"), join(folder, "b.yaml")) },
  { reason: "gets a neighbour", change: () => write("b.yml", "1") },
  {
    reason: "goes with its whole folder, and is in another one of its name",
    change: async () => {
      await rename(folder, join(home, "old"));
      await mkdir(folder);
      await write("a.yaml", "1");
    },
  },
];
test.each(table)("a file that $reason is read again, the next time too", async ({ change }) => {
  expect(reads).toBe(1);
  await isReadFor(change);
  await isReadFor(() => write("a.yaml", "3"));
});

test("what is written without a pause is read all the same", async () => {
  let writes = 0;
  await isReadFor(async () => {
    while (reads === 1) await write("a.yaml", String(writes++));
  });
  expect(writes).toBeGreaterThan(1);
});

test("what is no YAML, and what is hidden, is not looked at", async () => {
  await write("notes.txt", "1");
  await write(".a.yaml.swp.yaml", "1");
  expect(await watch.list()).toEqual([join(folder, "a.yaml")]);
  await isReadFor(() => write("b.json", "{}"));
  expect(reads).toBe(2);
});
