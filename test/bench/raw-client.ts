import { type ChildProcessByStdio, spawn } from "node:child_process";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { createUser } from "@nats-io/nkeys";
import { NAMESPACE, type TestBus } from "../fixtures/nats.ts";

/** Starts a program of this folder that is let into the bus account itself: `BENCH_URL`, `BENCH_JWT`, `BENCH_SEED`. */
export async function startRaw(
  bus: TestBus,
  file: string,
  more: Record<string, string> = {},
): Promise<ChildProcessByStdio<null, Readable, null>> {
  const account = bus.realm.accountKeys((await bus.pinned.get(NAMESPACE)) as string);
  const user = createUser();
  const env = {
    ...process.env,
    BENCH_URL: bus.url,
    BENCH_JWT: bus.realm.signUser(account, { name: "bench", subject: user.getPublicKey() }),
    BENCH_SEED: new TextDecoder().decode(user.getSeed()),
    ...more,
  };
  return spawn(process.execPath, [join(import.meta.dirname, file)], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
}
