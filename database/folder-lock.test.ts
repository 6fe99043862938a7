import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { FolderLock } from "./folder-lock.ts";

test("a folder is one process's, until that is gone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "vextir-lock-"));
  await writeFile(join(folder, "held"), "1");
  await expect(FolderLock.acquire(join(folder, "held"), "ledger")).rejects.toThrow(
    /process 1 has the folder of the ledger/,
  );
  await writeFile(join(folder, "dead"), "999999999");
  await (await FolderLock.acquire(join(folder, "dead"), "ledger")).release();
  await rm(folder, { recursive: true });
});
