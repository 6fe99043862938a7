import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { POD_ENV, POD_PATHS } from "@vextir/api";
import { KINDS } from "@vextir/operator/kinds.ts";
import type { Container, Deployment, Pod, PodSpec } from "@vextir/operator/workloads.ts";
import { eventually } from "../../../test/fixtures/eventually.ts";
import { startOf } from "../processes/identity.ts";
import { Processes } from "../processes/processes.ts";
import { ObjectStore } from "../store/object-store.ts";
import { Kubelet } from "./kubelet.ts";

/** Stands for the host: answers /readyz with what its environment, arguments and files say; does what ACT tells it. */
const HOST = `
import { createServer } from "node:http";
import { readFileSync, existsSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
const act = process.env.ACT ?? "";
console.log("hello " + process.pid);
if (act === "crash") { console.error("boom"); process.exit(7); }
const tried = {};
const attempt = (name, work) => { try { work(); tried[name] = "done"; } catch (error) { tried[name] = error.code; } };
if (act === "try") {
  attempt("read", () => readFileSync("/etc/passwd"));
  attempt("spawn", () => spawn("true"));
  attempt("write", () => writeFileSync(process.env.${POD_ENV.driverFile}, "x"));
  attempt("tmp", () => writeFileSync(process.env.TMPDIR + "/x", "x"));
}
createServer((request, response) => {
  const files = ["TOKEN_FILE", "SECRET_FILE"].map((name) => process.env[name]).filter((path) => path && existsSync(path));
  const body = { env: process.env, args: process.argv.slice(2), execArgv: process.execArgv, tried, pid: process.pid,
    files: files.map((path) => readFileSync(path, "utf8")) };
  if (request.url === "/crash") process.exit(3);
  response.writeHead(request.url === "/readyz" && act === "unready" ? 503 : 200);
  response.end(JSON.stringify(body));
}).listen(Number(process.env.${POD_ENV.healthPort}), "127.0.0.1");
if (act !== "deaf") process.on("SIGTERM", () => { console.log("bye"); process.exit(0); }); else process.on("SIGTERM", () => {});
`;

let folder: string;
let store: ObjectStore;
let processes: Processes;
let kubelet: Kubelet;
let tokens: number;
let lines: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-kubelet-"));
  await mkdir(join(folder, "bundle"));
  await writeFile(join(folder, "bundle", "main.js"), HOST);
  await writeFile(join(folder, "bundle", "package.json"), '{"type":"module"}');
  store = new ObjectStore();
  processes = new Processes(join(folder, "processes.json"));
  tokens = 0;
  lines = [];
  kubelet = new Kubelet({
    store,
    processes,
    tokens: { sign: async ({ pod, serviceAccount }) => `${serviceAccount.name}:${pod.name}:${++tokens}` },
    image: { name: "stock", bundle: join(folder, "bundle"), workingDirectory: folder },
    folder: join(folder, "pods"),
    maxPods: 4,
    onLine: (_pod, line) => lines.push(line),
    onNote: () => {},
    onPodsChanged: () => {},
  });
  await kubelet.start();
  store.apply("test", KINDS.ServiceAccount, object(KINDS.ServiceAccount, "driver-a"));
});
afterEach(async () => {
  processes.killAll();
  await kubelet.stop();
  processes.close();
  await rm(folder, { recursive: true });
});

const object = ({ apiVersion, kind }: { apiVersion: string; kind: string }, name: string) => ({
  apiVersion,
  kind,
  metadata: { namespace: "default", name },
});

function deploy(
  act: string,
  change: { replicas?: number; container?: Partial<Container>; pod?: Partial<PodSpec> } = {},
) {
  const { replicas = 1, container, pod } = change;
  const labels = { driver: "a" };
  const health = { name: POD_ENV.healthPort, value: "9464" };
  store.apply<Deployment>("test", KINDS.Deployment, {
    ...object(KINDS.Deployment, "a"),
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: "driver-a",
          terminationGracePeriodSeconds: 1,
          ...pod,
          containers: [
            {
              name: "driver",
              image: "stock",
              readinessProbe: { httpGet: { path: "/readyz", port: 9464 }, periodSeconds: 0.1 },
              ...container,
              env: [health, { name: "ACT", value: act }, ...(container?.env ?? [])],
            },
          ],
        },
      },
    },
  });
}

const status = () => store.get(KINDS.Deployment, { namespace: "default", name: "a" })?.status;
const pods = () => store.list(KINDS.Pod);
const waiting = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0]?.state?.waiting;

interface Answer {
  env: Record<string, string>;
  args: string[];
  execArgv: string[];
  tried: Record<string, string>;
  files: string[];
  pid: number;
}

async function ask(path = "/"): Promise<Answer> {
  const [pod] = await eventually(() => {
    const ready = kubelet.endpoints("default", { driver: "a" });
    return ready.length > 0 && ready;
  });
  const port = pod?.portOf(9464) ?? 0;
  return new Promise((resolve, reject) => {
    get({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
    }).on("error", reject);
  });
}

describe("a Deployment", () => {
  test("becomes ready processes, and is gone without a trace", async () => {
    deploy("", { replicas: 2 });
    await eventually(() => status()?.readyReplicas === 2);
    expect(status()).toMatchObject({
      observedGeneration: 1,
      replicas: 2,
      updatedReplicas: 2,
      unavailableReplicas: 0,
    });
    expect(status()?.conditions?.[0]).toMatchObject({ type: "Available", status: "True" });
    const pids = lines.map((line) => Number(line.split(" ")[1]));
    store.delete(KINDS.Deployment, { namespace: "default", name: "a" });
    await eventually(() => pods().length === 0);
    expect(lines.filter((line) => line === "bye")).toHaveLength(2);
    expect(pids.map(startOf)).toEqual([undefined, undefined]);
    await expect(stat(join(folder, "pods", "a"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("an update that never becomes ready leaves the old pod serving; a good one replaces both", async () => {
    deploy("");
    const before = await ask();
    deploy("unready");
    await eventually(() => pods().length === 2 && status()?.observedGeneration === 2);
    expect((await ask()).pid).toBe(before.pid);
    deploy("", { container: { env: [{ name: "VERSION", value: "2" }] } });
    await eventually(
      () => pods().length === 1 && status()?.updatedReplicas === 1 && status()?.readyReplicas === 1,
    );
    expect((await ask()).env["VERSION"]).toBe("2");
  });

  test("a crash is told, and the process started again", async () => {
    deploy("");
    const before = await ask();
    await ask("/crash").catch(() => {});
    await eventually(() => waiting(pods()[0])?.reason === "CrashLoopBackOff");
    const after = await eventually(async () => {
      const answer = await ask().catch(() => undefined);
      return answer && answer.pid !== before.pid && answer;
    });
    expect(after.env["VERSION"]).toBe(before.env["VERSION"]);
    expect(pods()[0]?.status?.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      ready: true,
      lastState: { terminated: { exitCode: 3, reason: "Error" } },
    });
  });

  test("a crash loop says why", async () => {
    deploy("crash");
    const pod = await eventually(() => pods().find((pod) => waiting(pod)?.reason === "CrashLoopBackOff"));
    expect(waiting(pod)?.message).toBe("exited with code 7");
    const ended = pod.status?.containerStatuses?.[0]?.lastState?.terminated;
    expect(ended).toMatchObject({ exitCode: 7, message: expect.stringMatching(/boom$/) });
    expect(status()?.conditions?.[0]).toMatchObject({ type: "Available", status: "False" });
  });

  test("a process that ignores SIGTERM is killed after its grace period", async () => {
    deploy("deaf");
    await ask();
    deploy("deaf", { replicas: 0 });
    await eventually(() => pods().length === 0);
  });

  test("more pods than a laptop bears are not made", async () => {
    deploy("", { replicas: 100 });
    await eventually(() => status()?.readyReplicas === 4);
    expect(status()?.conditions).toContainEqual(
      expect.objectContaining({ type: "ReplicaFailure", status: "True" }),
    );
  });
});

describe("what a pod is given", () => {
  test("paths of mounts, ports and references are this machine's; nothing of this process's environment", async () => {
    process.env["VEXTIR_TEST_SECRET"] = "never to be seen";
    store.apply("test", KINDS.Secret, {
      ...object(KINDS.Secret, "key"),
      data: { value: Buffer.from("s3cret").toString("base64") },
    });
    deploy("", {
      container: {
        args: ["--file", "/etc/secrets/value", "/etc/secretsx"],
        ports: [{ name: "http", containerPort: 8080 }],
        volumeMounts: [{ name: "secret", mountPath: "/etc/secrets" }],
        env: [
          { name: "VEXTIR_PORT_HTTP", value: "8080" },
          { name: "SECRET_FILE", value: "/etc/secrets/value" },
          { name: "NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "KEY", valueFrom: { secretKeyRef: { name: "key", key: "value" } } },
          { name: "BOTH", value: "$(NAME)/$(NONE)" },
        ],
      },
      pod: { volumes: [{ name: "secret", secret: { secretName: "key" } }] },
    });
    const { env, args, files } = await ask();
    const pod = pods()[0]?.metadata.name ?? "";
    const file = join(folder, "pods", pod, "volumes", "secret", "value");
    expect(env).toMatchObject({
      NAME: pod,
      KEY: "s3cret",
      BOTH: `${pod}/$(NONE)`,
      SECRET_FILE: file,
      HOSTNAME: pod,
    });
    expect(env).not.toHaveProperty("VEXTIR_TEST_SECRET");
    expect(env["VEXTIR_PORT_HTTP"]).not.toBe("8080");
    expect(args).toEqual(["--file", file, "/etc/secretsx"]);
    expect(files).toEqual(["s3cret"]);
    expect(((await stat(file)).mode & 0o777).toString(8)).toBe("600");
    store.apply("test", KINDS.Secret, {
      ...object(KINDS.Secret, "key"),
      data: { value: Buffer.from("new").toString("base64") },
    });
    await eventually(async () => (await readFile(file, "utf8")) === "new");
  });

  test("its token, renewed before it expires", async () => {
    const source = { serviceAccountToken: { audience: "bus", expirationSeconds: 0.5, path: "token" } };
    deploy("", {
      container: {
        volumeMounts: [{ name: "token", mountPath: POD_PATHS.busTokenDir }],
        env: [{ name: "TOKEN_FILE", value: POD_PATHS.busTokenFile }],
      },
      pod: { volumes: [{ name: "token", projected: { sources: [source] } }] },
    });
    const first = (await ask()).files[0];
    expect(first).toContain(`driver-a:${pods()[0]?.metadata.name}:`);
    await eventually(async () => (await ask()).files[0] !== first);
  });

  test("a limit of memory bounds its heap", async () => {
    deploy("", { container: { resources: { limits: { memory: "256Mi" } } } });
    expect((await ask()).execArgv).toEqual(["--max-old-space-size=192"]);
  });

  test("an inline source reads and writes its own folder alone, and starts no process", async () => {
    const data = { "driver.ts": "export default 1", "driver.json": "{}" };
    store.apply("test", KINDS.ConfigMap, { ...object(KINDS.ConfigMap, "source"), data });
    deploy("try", {
      container: {
        volumeMounts: [{ name: "driver", mountPath: POD_PATHS.driverDir }],
        env: [{ name: POD_ENV.driverFile, value: POD_PATHS.driverFile }],
      },
      pod: { volumes: [{ name: "driver", configMap: { name: "source" } }] },
    });
    const { tried } = await ask();
    const denied = "ERR_ACCESS_DENIED";
    expect(tried).toEqual({ read: denied, spawn: denied, write: denied, tmp: "done" });
  });

  const missing = [
    {
      reason: "a ConfigMap that is not there",
      change: { pod: { volumes: [{ name: "v", configMap: { name: "gone" } }] } },
      expected: { reason: "CreateContainerConfigError", message: "ConfigMap gone does not exist" },
    },
    {
      reason: "an image",
      change: { container: { image: "registry/other:1" } },
      expected: { reason: "ErrImageNeverPull" },
    },
    {
      reason: "a key that leads out of the volume",
      change: {
        pod: { volumes: [{ name: "v", configMap: { name: "bad", items: [{ key: "a", path: "../../a" }] } }] },
      },
      expected: { reason: "CreateContainerConfigError" },
    },
  ];
  test.each(missing)("$reason is told as the kubelet tells it", async ({ change, expected }) => {
    store.apply("test", KINDS.ConfigMap, { ...object(KINDS.ConfigMap, "bad"), data: { a: "b" } });
    deploy("", change);
    expect(waiting(await eventually(() => pods().find((pod) => waiting(pod)?.message)))).toMatchObject(
      expected,
    );
  });

  test("a pod waits for what is missing", async () => {
    deploy("", { pod: { volumes: [{ name: "v", configMap: { name: "late" } }] } });
    await eventually(() => waiting(pods()[0])?.reason === "CreateContainerConfigError");
    store.apply("test", KINDS.ConfigMap, object(KINDS.ConfigMap, "late"));
    await eventually(() => status()?.readyReplicas === 1);
  });
});
