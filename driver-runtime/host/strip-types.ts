import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { POD_ENV } from "@vextir/api";

const DRIVER_FILE = "VEXTIR_DRIVER_FILE" satisfies (typeof POD_ENV)["driverFile"];
const TIMEOUT_MS = 10_000;

/** Blanks types and writes the rest; lines and columns stay. */
const PROGRAM = `
const { stripTypeScriptTypes } = require("node:module");
const source = require("node:fs").readFileSync(0, "utf8");
process.stdout.write(stripTypeScriptTypes(source));
`;

/**
 * The inline source without its types; undefined when there is none, or when Node has to do it itself while loading. Node's
 * stripper is a WebAssembly module that keeps 16 MiB for good once it has run, a fifth of an idle driver: so it runs in a
 * process of its own, beside the loading of everything else. Imports nothing but Node's own modules for that.
 */
export async function stripInlineSource(
  variables: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  try {
    const driverFile = variables[DRIVER_FILE] ?? "";
    const { source } = JSON.parse(readFileSync(driverFile, "utf8")) as { source?: string };
    if (!source || !/\.m?ts$/.test(source)) return undefined;
    return await stripTypes(readFileSync(join(dirname(driverFile), source)));
  } catch {
    // Whatever is wrong with the file or the source is told by who loads it.
    return undefined;
  }
}

/** @throws when there may be no child process (Node's permission model), or the source is not what the stripper takes. */
function stripTypes(source: Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["-e", PROGRAM], {
      env: {},
      stdio: ["pipe", "pipe", "ignore"],
      timeout: TIMEOUT_MS,
    });
    const output: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0
        ? resolve(Buffer.concat(output).toString("utf8"))
        : reject(new Error(`it ended with ${code}`)),
    );
    child.stdin.once("error", reject);
    child.stdin.end(source);
  });
}
