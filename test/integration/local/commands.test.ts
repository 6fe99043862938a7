import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { Manifest } from "@vextir/api";
import { environment, vextir } from "./local-process.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-commands-"));
});
afterEach(() => rm(folder, { recursive: true }));

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

async function run(...args: string[]): Promise<Outcome> {
  const options = { cwd: folder, env: { ...environment, TMPDIR: folder } };
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [vextir, ...args], options)) };
  } catch (error) {
    return error as Outcome;
  }
}

test("the demo answers a message, refuses the intruder, and leaves nothing", async () => {
  const { code, stdout, stderr } = await run("demo");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/in Asia\/Tokyo \(UTC\+09:00\)/);
  expect(stdout).toMatch(
    /chat\.message\.received {2}by gateway\n.*chat\.message\.sent {2}by assistant, having called toolbox\.time/,
  );
  expect(stdout).toMatch(/publish as the assistant .* no responders/);
  expect(stdout).toMatch(/\d+ attempts, none got anywhere/);
  expect(stdout).not.toMatch(/warn |error /);
});

describe("manifest", () => {
  test("of a built-in", async () => {
    const { code, stdout } = await run("manifest", "toolbox");
    expect(code).toBe(0);
    expect(Manifest.parse(JSON.parse(stdout))).toMatchObject({ name: "toolbox", class: "Tool" });
  });

  test("of a module of one's own, without anything installed beside it", async () => {
    const source = `import { defineDriver } from "@vextir/driver-runtime";
      import { z } from "zod";
      const config: z.ZodType = z.object({ greeting: z.string() });
      export default defineDriver({ name: "mine", version: "2.0.0", class: "Tool", config, tools: {} });`;
    await writeFile(join(folder, "mine.mts"), source);
    const { code, stdout } = await run("manifest", "./mine.mts");
    expect(code).toBe(0);
    expect(Manifest.parse(JSON.parse(stdout))).toMatchObject({ name: "mine", version: "2.0.0" });
  });

  test.each([
    { reason: "no such file", text: undefined },
    { reason: "no driver", text: "export default 1;" },
    { reason: "no code", text: "export default {" },
  ])("$reason: says so", async ({ text }) => {
    if (text !== undefined) await writeFile(join(folder, "bad.mjs"), text);
    const { code, stderr } = await run("manifest", "./bad.mjs");
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^vextir: \.\/bad\.mjs is neither a built-in \(assistant, chat-agent, context-hub, gateway, ledger, tool-bridge, toolbox\) nor/,
    );
  });
});

describe("what is asked wrongly gets a clear answer", () => {
  const cases = [
    { reason: "no such folder", args: ["up", "./absent"], says: "absent can't be read" },
    { reason: "an unknown command", args: ["upp"], says: "unknown command 'upp'" },
    { reason: "a bad number", args: ["up", ".", "--timeout", "soon"], says: "expected seconds" },
    { reason: "nothing runs", args: ["get", "drivers"], says: "no local mode runs" },
  ];
  test.each(cases)("$reason", async ({ args, says }) => {
    const { code, stderr } = await run(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

test("--once: 0 when every driver becomes ready, 1 when not, and nothing hangs", async () => {
  const driver = (module: string) =>
    `apiVersion: vextir.io/v1alpha1\nkind: Driver\nmetadata: { name: a }\nspec: { class: Tool, module: ${module} }\n`;
  await writeFile(join(folder, "a.yaml"), driver("toolbox"));
  expect(await run("up", "a.yaml", "--once")).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/\na +Tool +True/),
  });
  const own = `import { defineDriver } from "@vextir/driver-runtime";
    export default defineDriver({ name: "mine", version: "1.0.0", class: "Tool" });`;
  await writeFile(join(folder, "mine.ts"), own);
  await writeFile(join(folder, "a.yaml"), driver("./mine.ts"));
  expect(await run("up", "a.yaml", "--once")).toMatchObject({ code: 0 });
  await writeFile(join(folder, "a.yaml"), driver("absent"));
  const bad = await run("up", "a.yaml", "--once", "--timeout", "3");
  expect(bad).toMatchObject({ code: 1, stdout: expect.stringContaining("absent") });
});
