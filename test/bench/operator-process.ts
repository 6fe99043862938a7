/** The programs whose edits are measured, let in as in a pod, and what measures them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { build } from "esbuild";
import { BUNDLE } from "../../build/bundle.ts";
import { KINDS } from "../../operator/kinds.ts";
import type { ApiServer } from "../fixtures/kube.ts";
import { openCluster } from "../fixtures/kube-cluster.ts";
import { BUILT_INS, SYSTEM, type World } from "../integration/operator/world.ts";

/** Drivers are scaled up to so many, and begin again at one. */
const MOST_PODS = 8;
/** Between an edit that has arrived and the next one. */
const PAUSE_MS = 60;
/** As in the operator's image (`Dockerfile`). */
const OPERATOR_FLAGS = ["--max-semi-space-size=2", "--optimize-for-size"];
const OPERATOR_ENV = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_TRIM_THRESHOLD_: "65536",
  MALLOC_MMAP_THRESHOLD_: "65536",
};

export type Names = readonly { namespace: string; name: string }[];

export interface Program {
  file: "edit-floor" | "edit-controller" | "edit-operator";
  flags: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** What the first round has to make is not measured. */
  warmUpMs: number;
  /** It says so when it has begun. */
  says: boolean;
}
export const FLOOR: Program = { file: "edit-floor", flags: [], warmUpMs: 5_000, says: true };
export const CONTROLLER: Program = {
  file: "edit-controller",
  flags: OPERATOR_FLAGS,
  env: OPERATOR_ENV,
  warmUpMs: 60_000,
  says: true,
};
export const OPERATOR: Program = {
  file: "edit-operator",
  flags: OPERATOR_FLAGS,
  env: OPERATOR_ENV,
  warmUpMs: 300_000,
  says: false,
};

/** Pods as they were wanted last, by Driver. */
const scaled = new Map<string, number>();

/** The programs, and what they are given in a pod. */
export async function writePrograms(server: ApiServer, dir: string): Promise<void> {
  const manifests = JSON.stringify(Object.fromEntries(BUILT_INS));
  await Promise.all([
    writeIdentity(server, dir),
    bundle(dir),
    writeFile(join(dir, "manifests.json"), manifests),
  ]);
}

/** What the kubelet mounts in a pod: the operator's own way to be let in. */
async function writeIdentity(server: ApiServer, dir: string): Promise<void> {
  const token = /token: (\S+)/.exec(await readFile(server.kubeconfig, "utf8"))?.[1] ?? "";
  const ca = await readFile(join(server.dir, "apiserver.crt"), "utf8");
  const files = { token, "ca.crt": ca, namespace: "default" };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(dir, name), text)));
}

/** As the operator is built, so that the memory is the operator's. */
async function bundle(dir: string): Promise<void> {
  await mkdir(join(dir, "bin"));
  await build({
    ...BUNDLE,
    entryPoints: [FLOOR, CONTROLLER, OPERATOR].map(({ file }) => join(import.meta.dirname, `${file}.ts`)),
    outdir: join(dir, "bin"),
    outExtension: { ".js": ".mjs" },
  });
}

/** Starts the program, waits until it says that it has begun, and ends it after `work`, however that went. */
export async function whileRunning<T>(
  world: World,
  dir: string,
  program: Program,
  work: (child: ChildProcess) => Promise<T>,
): Promise<T> {
  const child = start(world, dir, program);
  try {
    if (program.says) await once(child.stdout as Readable, "data");
    return await work(child);
  } finally {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    if (child.exitCode === null && child.signalCode === null) await ended;
  }
}

function start(world: World, dir: string, { file, flags, env }: Program): ChildProcess {
  const { hostname, port } = new URL(world.api.url);
  return spawn(process.execPath, [...flags, join(dir, "bin", `${file}.mjs`), dir], {
    env: {
      ...env,
      KUBERNETES_SERVICE_HOST: hostname,
      KUBERNETES_SERVICE_PORT: port,
      VEXTIR_NAMESPACE: SYSTEM,
      VEXTIR_HEALTH_PORT: "0",
      VEXTIR_LOG_LEVEL: "error",
      VEXTIR_DRIVER_IMAGE: "example.org/driver:1",
      VEXTIR_MANIFESTS_FILE: join(dir, "manifests.json"),
      VEXTIR_BUS_URL: world.nats.url,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

export const operatorWrites = async (server: ApiServer, from: Date) =>
  (await server.writes(from)).filter(
    ({ userAgent, resource }) => userAgent.startsWith("vextir-operator") && resource !== "leases",
  );

/** Resolves when the operator has written nothing for five seconds. */
export async function quiet(server: ApiServer): Promise<void> {
  do await delay(5_000);
  while ((await operatorWrites(server, new Date(Date.now() - 5_000))).length > 0);
}

/** Edits one Driver after the other, and waits each time until a watch of the Deployments shows it. */
export async function editAndWait(
  server: ApiServer,
  names: Names,
  edits: number,
  timeoutMs = 30_000,
): Promise<number[]> {
  const watcher = await openCluster(server.kubeconfig);
  let waiting: { replicas: number; done: () => void } | undefined;
  let key = "";
  await watcher.watch(KINDS.Deployment, ({ metadata, spec }) => {
    if (`${metadata.namespace}/${metadata.name}` === key && spec.replicas === waiting?.replicas)
      waiting?.done();
  });
  const latencies: number[] = [];
  for (let i = 0; i < edits; i++) {
    const { namespace, name } = names[Math.floor(Math.random() * names.length)] as (typeof names)[0];
    key = `${namespace}/${name}`;
    // Never what is there already: that would be no edit.
    const replicas = 1 + ((scaled.get(key) ?? 2) % MOST_PODS);
    scaled.set(key, replicas);
    const patched = new Promise<void>((done) => {
      waiting = { replicas, done };
    });
    const began = performance.now();
    const path = `/apis/vextir.io/v1alpha1/namespaces/${namespace}/drivers/${name}`;
    await server.request("MERGE", path, { spec: { replicas } });
    await Promise.race([
      patched,
      delay(timeoutMs, undefined, { ref: false }).then(() => late(key, timeoutMs)),
    ]);
    latencies.push(performance.now() - began);
    // What follows a patch, such as a status, is not to slow down the next edit.
    await delay(PAUSE_MS);
  }
  await watcher.close();
  return latencies;
}

function late(key: string, ms: number): never {
  throw new Error(`the Deployment ${key} was not patched within ${ms} ms`);
}
