import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";

const root = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);

/** Lints a project that holds `source` at `path` under this project's rules, and answers what Biome complained of. */
async function lint(path: string, source: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "vextir-lint-"));
  try {
    const { vcs: _, ...rules } = JSON.parse(await readFile(join(root, "biome.json"), "utf8"));
    await writeFile(join(folder, "biome.json"), JSON.stringify(rules));
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), source);
    const biome = join(root, "node_modules/.bin/biome");
    const { stdout, stderr } = await run(biome, ["lint", "--colors=off", "."], { cwd: folder });
    return stdout + stderr;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return stdout + stderr;
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe("the lint rules that hold the architecture fail on a violation", () => {
  const cases = [
    {
      reason: "a promise nobody waits for",
      path: "operator/example.ts",
      source: "async function work() {}\nexport function start() {\n  work();\n}\n",
      rule: "noFloatingPromises",
    },
    {
      reason: "the operator imports the driver runtime",
      path: "operator/example.ts",
      source: 'export * from "@vextir/driver-runtime";\n',
      rule: "noRestrictedImports",
    },
    {
      reason: "the driver runtime imports the operator",
      path: "driver-runtime/example.ts",
      source: 'export * from "@vextir/operator";\n',
      rule: "noRestrictedImports",
    },
    {
      reason: "api imports another part",
      path: "api/example.ts",
      source: 'export * from "@vextir/operator";\n',
      rule: "noRestrictedImports",
    },
    {
      reason: "the context hub imports the operator",
      path: "context-hub/example.ts",
      source: 'export * from "@vextir/operator/bus/pod-token.ts";\n',
      rule: "noRestrictedImports",
    },
    {
      reason: "what opens databases imports another part",
      path: "database/example.ts",
      source: 'export * from "@vextir/api";\n',
      rule: "noRestrictedImports",
    },
    {
      reason: "the driver runtime has tables",
      path: "driver-runtime/example.ts",
      source: 'export * from "@vextir/database";\n',
      rule: "noRestrictedImports",
    },
    {
      reason: "the operator has tables",
      path: "operator/example.ts",
      source: 'export * from "@vextir/database";\n',
      rule: "noRestrictedImports",
    },
    {
      reason: "a driver speaks the hub's contract itself",
      path: "drivers/toolbox/example.ts",
      source: 'export * from "@vextir/proto/contexthub/v1/context_hub_pb.js";\n',
      rule: "noRestrictedImports",
    },
    {
      reason: "a driver goes past its runtime",
      path: "drivers/toolbox/example.ts",
      source: 'export * from "@vextir/api";\n',
      rule: "noRestrictedImports",
    },
    {
      reason: "a reconciler talks to NATS itself",
      path: "operator/driver/example.ts",
      source: 'export * from "@nats-io/jetstream";\n',
      rule: "noRestrictedImports",
    },
    {
      reason: "a product file imports test code",
      path: "cli/example.ts",
      source: 'export * from "../test/fixtures/nats.ts";\n',
      rule: "noRestrictedImports",
    },
  ];
  test.each(cases)("$reason", async ({ path, source, rule }) => {
    expect(await lint(path, source)).toContain(rule);
  });

  test("the context hub may import api, proto and database", async () => {
    const source =
      'export * from "@vextir/api";\nexport * from "@vextir/database";\nexport * from "@vextir/proto/contexthub/v1/context_hub_pb.js";\n';
    expect(await lint("context-hub/example.ts", source)).not.toContain("noRestrictedImports");
  });

  test("a driver may import its runtime and database", async () => {
    const source = 'export * from "@vextir/database";\nexport * from "@vextir/driver-runtime";\n';
    expect(await lint("drivers/toolbox/example.ts", source)).not.toContain("noRestrictedImports");
  });

  test("clean code passes", async () => {
    const source = 'import { matches } from "@vextir/api";\nexport const same = matches("a", "a");\n';
    expect(await lint("operator/example.ts", source)).not.toMatch(/noRestrictedImports|noFloatingPromises/);
  });
});
