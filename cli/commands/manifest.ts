import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { LocalError } from "../local/local-error.ts";
import { driverBundle } from "../local/release.ts";

const RUN_MS = 30_000;
const MAX_BYTES = 4 * 2 ** 20;

/** Loads a module as the driver host would, and prints what it says of itself. */
const SCRIPT = `
import { registerHooks } from "node:module";
const [module, runtime, zod] = process.argv.slice(1);
const shared = { "@vextir/driver-runtime": runtime, zod };
registerHooks({
  resolve: (specifier, context, next) =>
    shared[specifier] === undefined || context.parentURL?.includes("/node_modules/")
      ? next(specifier, context)
      : { url: shared[specifier], shortCircuit: true },
});
const { manifestOf } = await import(runtime);
const manifest = manifestOf((await import(module)).default);
process.stdout.write(JSON.stringify(manifest, null, 2) + "\\n", () => process.exit(0));
`;

/** `vextir manifest <module>`: a built-in's name, or a path. @throws LocalError `Refused` when it holds no driver. */
export async function manifest(module: string): Promise<string> {
  const bundle = driverBundle();
  const builtIns = JSON.parse(await readFile(join(bundle, "manifests.json"), "utf8")) as Record<
    string,
    unknown
  >;
  if (Object.hasOwn(builtIns, module)) return JSON.stringify(builtIns[module], null, 2);
  const urls = [resolve(module), join(bundle, "runtime.js"), join(bundle, "zod.js")].map(
    (path) => pathToFileURL(path).href,
  );
  const args = ["--input-type=module", "--eval", SCRIPT, ...urls];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      timeout: RUN_MS,
      maxBuffer: MAX_BYTES,
    });
    return stdout.trimEnd();
  } catch (cause) {
    const { stderr, message } = cause as { stderr?: string; message: string };
    const why = stderr?.split("\n").find((line) => /^\w*Error\b/.test(line)) ?? message.split("\n")[0];
    throw new LocalError(
      "Refused",
      `${module} is neither a built-in (${Object.keys(builtIns).join(", ")}) nor a module that exports a driver: ${why}`,
      { cause },
    );
  }
}
