/**
 * Bundles what runs into dist/: the operator, the context hub, the CLI, and the driver host with the built-in drivers beside it. The host, the
 * drivers and inline sources share one copy of the runtime and of zod (esbuild's splitting), since `instanceof` must hold.
 */
import { copyFile, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { BUNDLE } from "./bundle.ts";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const bundle = { ...BUNDLE, absWorkingDir: root };

async function driverEntries(): Promise<Record<string, string>> {
  const names = await readdir(join(root, "drivers"));
  return Object.fromEntries(names.map((name) => [`drivers/${name}`, `drivers/${name}/index.ts`]));
}

/** The built-ins' manifests are part of the release: the operator knows them without asking a pod. */
async function writeManifests(names: readonly string[]): Promise<void> {
  const load = (file: string) => import(pathToFileURL(join(dist, "driver", `${file}.js`)).href);
  const { manifestOf } = await load("runtime");
  const manifests: Record<string, unknown> = {};
  for (const name of names) manifests[name] = manifestOf((await load(`drivers/${name}`)).default);
  await writeFile(join(dist, "driver", "manifests.json"), `${JSON.stringify(manifests, null, 2)}\n`);
}

const folderOf = (module: string) => dirname(fileURLToPath(import.meta.resolve(module)));

/** What PGlite and its extensions load at run time, beside a part's bundle, by the names that database/pglite.ts looks for. */
async function copyPglite(part: string, extensions: readonly string[] = []): Promise<void> {
  const to = join(dist, part, "pglite");
  await mkdir(to, { recursive: true });
  const pglite = folderOf("@electric-sql/pglite");
  const own = ["pglite.wasm", "initdb.wasm", "pglite.data"].map((file) => join(pglite, file));
  for (const file of [...own, ...extensions]) await copyFile(file, join(to, basename(file)));
}

async function buildOperator(): Promise<void> {
  const entryPoints = { main: "operator/main.ts", egress: "operator/egress/main.ts" };
  await build({ ...bundle, entryPoints, outdir: "dist/operator" });
}

async function buildHub(): Promise<void> {
  await build({ ...bundle, entryPoints: { main: "context-hub/main.ts" }, outdir: "dist/hub" });
  await copyPglite("hub", [
    join(folderOf("@electric-sql/pglite"), "pg_trgm.tar.gz"),
    join(folderOf("@electric-sql/pglite-pgvector"), "vector.tar.gz"),
  ]);
}

async function buildCli(): Promise<void> {
  await build({ ...bundle, entryPoints: { vextir: "cli/vextir.ts" }, outdir: "dist/cli" });
}

async function buildDriver(): Promise<void> {
  const drivers = await driverEntries();
  const own = {
    main: "driver-runtime/host/main.ts",
    runtime: "driver-runtime/index.ts",
    zod: "build/zod.ts",
  };
  await build({
    ...bundle,
    entryPoints: { ...own, ...drivers },
    outdir: "dist/driver",
  });
  await copyPglite("driver");
  await writeManifests(Object.keys(drivers).map((entry) => entry.slice("drivers/".length)));
}

// `node build/build.ts driver` builds one part only.
const parts = { operator: buildOperator, hub: buildHub, cli: buildCli, driver: buildDriver };
const chosen = process.argv.slice(2);
for (const part of chosen)
  if (!(part in parts)) throw new RangeError(`no part "${part}": ${Object.keys(parts)}`);
await mkdir(dist, { recursive: true });
await writeFile(join(dist, "package.json"), '{ "type": "module" }\n');
for (const [part, make] of Object.entries(parts)) {
  if (chosen.length > 0 && !chosen.includes(part)) continue;
  await rm(join(dist, part), { recursive: true, force: true });
  await make();
}
