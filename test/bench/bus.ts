/**
 * The bus with 5,000 drivers over 10 tenants: pushing their accounts, the server's memory and start, and 1,000 clients that
 * come back at once after its restart: through the auth callout (tokens of a real API server) against creds files.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { forEachBounded } from "@vextir/operator/bounded.ts";
import type { DriverAccess, TokenVerifier } from "@vextir/operator/bus/index.ts";
import { SigningKey } from "@vextir/operator/bus/nkey.ts";
import { ClusterTokenVerifier } from "@vextir/operator/cluster-tokens.ts";
import { openKubeApi, TokenReviewer } from "@vextir/operator/kube/index.ts";
import { TestRotation } from "../fixtures/key-rotation.ts";
import { type ApiServer, startApiServer } from "../fixtures/kube.ts";
import { startBus, type TestBus } from "../fixtures/nats.ts";
import type { ClientsFile } from "./bus-clients.ts";
import { residentMiB } from "./process-cost.ts";
import { median, type Row } from "./statistics.ts";

const DRIVERS = 5_000;
const TENANTS = 10;
const CLIENTS = 1_000;
const RESTARTS = 3;
/** As the operator's controller. */
const AT_A_TIME = 8;
/** On a machine that does much else it takes minutes. */
const BACK_MS = 300_000;

const tenantOf = (index: number) => `tenant-${index % TENANTS}`;
const nameOf = (index: number) => `driver-${index}`;

/** An agent that publishes, observes, and calls three others: nine imports. */
function makeDriver(bus: TestBus, index: number): Promise<DriverAccess> {
  const others = [1, 2, 3].map((step) => `${nameOf((index + step * TENANTS) % DRIVERS)}.ask`);
  return bus.driver(nameOf(index), {
    namespace: tenantOf(index),
    capabilities: {
      publish: ["chat.message.sent", "chat.message.read", "task.>"],
      observe: ["chat.>"],
      call: others,
    },
  });
}

const memoryOf = (bus: TestBus) => residentMiB(bus.server.pid);

export async function busRows(): Promise<Row[]> {
  const bus = await startBus();
  const api = await startApiServer();
  const folder = await mkdtemp(join(tmpdir(), "vextir-bench-bus-"));
  try {
    const empty = memoryOf(bus);
    const rows = [...(await pushes(bus)), await memory(bus, empty, "5,000 accounts")];
    rows.push(await startTime(bus));
    rows.push(...(await reconnects(bus, api, folder)));
    rows.push(await resigning(bus));
    return rows;
  } finally {
    await Promise.all([bus.stop(), api.stop()]);
    await rm(folder, { recursive: true, force: true });
  }
}

async function pushes(bus: TestBus): Promise<Row[]> {
  for (let tenant = 0; tenant < TENANTS; tenant++) await bus.tenant(tenantOf(tenant));
  const began = performance.now();
  const all = Array.from({ length: DRIVERS }, (_, index) => index);
  await forEachBounded(all, AT_A_TIME, async (index) => void (await makeDriver(bus, index)));
  const firstS = (performance.now() - began) / 1_000;
  // The second time all peers are there, so every account has its calls.
  const again = performance.now();
  await forEachBounded(all, AT_A_TIME, async (index) => void (await makeDriver(bus, index)));
  const againS = (performance.now() - again) / 1_000;
  return [
    row("5,000 drivers made: account pushed, verified", "", `${firstS.toFixed(1)} s`, rate(DRIVERS, firstS)),
    row("5,000 grants edited: pushed, verified", "", `${againS.toFixed(1)} s`, rate(DRIVERS, againS)),
  ];
}

async function memory(bus: TestBus, before: number, what: string): Promise<Row> {
  const now = memoryOf(bus);
  return row(
    `nats-server with ${what}`,
    `${before.toFixed(0)} MiB (empty)`,
    `${now.toFixed(0)} MiB`,
    `+ ${(now - before).toFixed(0)} MiB`,
  );
}

async function startTime(bus: TestBus): Promise<Row> {
  await bus.server.end("SIGKILL");
  const began = performance.now();
  await bus.startServer();
  const tookMs = performance.now() - began;
  await bus.callout.ready(30_000);
  return row("nats-server killed, start -> ready with 5,000 accounts", "", `${tookMs.toFixed(0)} ms`, "");
}

async function reconnects(bus: TestBus, api: ApiServer, folder: string): Promise<Row[]> {
  const url = bus.url;
  const drivers = Array.from({ length: CLIENTS }, (_, index) =>
    bus.drivers.get(`${tenantOf(index)}/${nameOf(index)}`),
  );
  const known = drivers.filter((driver) => driver !== undefined);
  const signed = known.map((driver) => bus.token(driver));
  const creds = known.map((driver) => credsOf(bus, driver.uid));
  const byCreds = await storm(bus, folder, { url, creds });
  const idle = memoryOf(bus);
  const byKeys = await storm(bus, folder, { url, tokens: await Promise.all(signed) });
  const { verifier, tokens, stop } = await clusterTokens(api, known);
  await bus.callout.stop();
  bus.callout = bus.newCallout(bus.realm, verifier);
  await bus.callout.ready();
  const byReview = await storm(bus, folder, { url, tokens });
  stop();
  const compared = (found: Storm) => `${(found.lastMs / byCreds.lastMs).toFixed(1)} x`;
  const baseline = `${byCreds.lastMs.toFixed(0)} ms (creds files)`;
  return [
    row("1,000 clients back after a restart, by TokenReview", baseline, ms(byReview), compared(byReview)),
    row("1,000 clients back after a restart, by the cluster's keys", baseline, ms(byKeys), compared(byKeys)),
    row(
      "nats-server with 1,000 clients",
      `${idle.toFixed(0)} MiB (without)`,
      `${byReview.mib.toFixed(0)} MiB`,
      "",
    ),
  ];
}

const ms = ({ lastMs, medianMs }: Storm) => `${lastMs.toFixed(0)} ms (median ${medianMs.toFixed(0)})`;

interface Storm {
  /** From the server being ready until the client is connected. */
  medianMs: number;
  lastMs: number;
  /** Of the server, with all clients. */
  mib: number;
}

/** The server is killed under clients and started again: how long until all are back. */
async function storm(bus: TestBus, folder: string, clients: ClientsFile): Promise<Storm> {
  const file = join(folder, "clients.json");
  await writeFile(file, JSON.stringify(clients));
  const child = spawn(process.execPath, [join(import.meta.dirname, "bus-clients.ts"), file], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const lines = linesOf(child);
    await lines("CONNECTED");
    const mib = memoryOf(bus);
    const rounds: { medianMs: number; lastMs: number }[] = [];
    for (let round = 0; round < RESTARTS; round++) {
      await bus.server.end("SIGKILL");
      const back = lines("BACK");
      await bus.startServer();
      const readyAt = Date.now();
      const { median, last } = await back;
      rounds.push({ medianMs: (median ?? 0) - readyAt, lastMs: (last ?? 0) - readyAt });
    }
    const of = (key: "medianMs" | "lastMs") => median(rounds.map((round) => round[key]));
    return { medianMs: of("medianMs"), lastMs: of("lastMs"), mib };
  } finally {
    if (child.exitCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
  }
}

/** Waits for the next line that begins so; its JSON. */
function linesOf(child: ChildProcess) {
  const waiting = new Map<string, (found: Record<string, number>) => void>();
  if (!child.stdout) throw new TypeError("the clients' output is not piped");
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [word = "", json = "{}"] = line.split(" ");
    waiting.get(word)?.(JSON.parse(json));
  });
  return (word: string) =>
    new Promise<Record<string, number>>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no ${word} within ${BACK_MS} ms`)), BACK_MS);
      waiting.set(word, (found) => {
        clearTimeout(late);
        resolve(found);
      });
      child.once("exit", () => reject(new Error("the clients ended")));
    });
}

function credsOf(bus: TestBus, uid: string) {
  const seed = randomBytes(32);
  const subject = new SigningKey("user", seed).publicKey;
  const jwt = bus.realm.signUser(bus.realm.driverAccount(uid), { name: "bench", subject });
  return { jwt, seed: seed.toString("base64") };
}

/** Pods of the drivers on a real API server, their tokens, and who checks them there. */
async function clusterTokens(api: ApiServer, drivers: readonly DriverAccess[]) {
  const { api: client } = await openKubeApi({ kubeconfig: api.kubeconfig });
  const verifier = new ClusterTokenVerifier({
    reviews: new TokenReviewer(client),
    clock: { now: () => Date.now() },
    pods: { stateOf: () => "present" },
  });
  await verifier.refreshKeys();
  const tokens: string[] = [];
  const accounts = new Map<string, string>();
  for (let tenant = 0; tenant < TENANTS; tenant++)
    await api.request("POST", "/api/v1/namespaces", { metadata: { name: tenantOf(tenant) } });
  await forEachBounded(drivers, AT_A_TIME, async ({ namespace, name }) => {
    const account = `driver-${name}`;
    const root = `/api/v1/namespaces/${namespace}`;
    const spec = { serviceAccountName: account, containers: [{ name: "driver", image: "none" }] };
    const made = await api.request("POST", `${root}/serviceaccounts`, { metadata: { name: account } });
    accounts.set(`${namespace}/${name}`, made.body.metadata.uid);
    const pod = await api.request("POST", `${root}/pods`, { metadata: { name }, spec });
    const bound = { name, uid: pod.body.metadata.uid };
    tokens.push(
      await api.token({
        namespace,
        name: account,
        audiences: ["vextir-bus"],
        pod: bound,
        expirationSeconds: 3_600,
      }),
    );
  });
  return { verifier: knowing(verifier, accounts), tokens, stop: () => client.close() };
}

/** The fixture's drivers have accounts of other uids than the API server gave. */
function knowing(verifier: TokenVerifier, accounts: ReadonlyMap<string, string>): TokenVerifier {
  return {
    async verify(token) {
      const found = await verifier.verify(token);
      const name = found.serviceAccount.slice("driver-".length);
      if (accounts.get(`${found.namespace}/${name}`) !== found.uid) throw new Error("another account");
      return { ...found, uid: `account-${name}` };
    },
  };
}

async function resigning(bus: TestBus): Promise<Row> {
  const rotation = await TestRotation.start(bus);
  const began = performance.now();
  await rotation.rotate({ kind: "operator" });
  const tookS = (performance.now() - began) / 1_000;
  await rotation.stop();
  return row(
    "the operator's key rotated: 5,000 accounts signed anew",
    "",
    `${tookS.toFixed(1)} s`,
    rate(DRIVERS, tookS),
  );
}

const rate = (count: number, seconds: number) => `${Math.round(count / seconds)}/s`;
function row(what: string, baseline: string, measured: string, compared: string): Row {
  process.stderr.write(`  ${what}: ${measured} ${compared}\n`);
  return { what, baseline, measured, compared, aim: "" };
}
