import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { readCapabilities } from "./capabilities-file.ts";
import { LocalMode } from "./local-mode.ts";
import { Printer } from "./output/printer.ts";
import { openState } from "./state/state-folder.ts";
import { readStatus } from "./status-file.ts";

const printer = new Printer({ out: new PassThrough(), json: false, color: false });
let state: string;
beforeEach(async () => {
  state = await mkdtemp(join(tmpdir(), "vextir-local-mode-"));
});
afterEach(() => rm(state, { recursive: true }));

test("what an earlier run told is not taken for this one's", async () => {
  const { status, capabilities } = await openState(state);
  await writeFile(status, JSON.stringify({ folder: "x", drivers: [] }));
  await writeFile(capabilities, JSON.stringify([{ namespace: "default", name: "a" }]));
  const mode = await LocalMode.open({ folder: "x", state, printer });
  try {
    const starting = { code: "NotRunning", message: "the local mode is still starting" };
    await expect(readStatus(state)).rejects.toMatchObject(starting);
    await expect(readCapabilities(state, "default", "a")).rejects.toMatchObject(starting);
  } finally {
    await mode.stop();
  }
});
