import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { FilePinnedIds } from "./pinned-ids.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-pinned-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test("ids outlive the process that wrote them, also when many are written at once", async () => {
  const path = join(folder, "state", "pinned.json");
  const ids = new FilePinnedIds(path);
  expect(await ids.get("a")).toBeUndefined();
  await Promise.all(["a", "b", "c"].map((namespace) => ids.put(namespace, `ID-${namespace}`)));
  await ids.remove("b");
  const again = new FilePinnedIds(path);
  expect(await Promise.all(["a", "b", "c"].map((n) => again.get(n)))).toEqual(["ID-a", undefined, "ID-c"]);
});
