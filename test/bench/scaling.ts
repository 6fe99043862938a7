/**
 * From an event that is published until a watch sees that its sleeping driver's Deployment wants a pod, and from a backlog until it wants
 * five: the whole operator in this process, with a real API server and nats-server. The baseline of the same run does no more than hear
 * the event and patch the Deployment.
 */
import { setTimeout as delay } from "node:timers/promises";
import { type JetStreamManager, jetstream } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { KINDS } from "../../operator/kinds.ts";
import type { Deployment } from "../../operator/workloads.ts";
import { openCluster } from "../fixtures/kube-cluster.ts";
import { collection, World } from "../integration/operator/world.ts";
import { median, quantile, type Row } from "./statistics.ts";

const NAMESPACES = 10;
const DRIVERS = Number(process.env["VEXTIR_BENCH_DRIVERS"] ?? 1_000);
const SAMPLES = 100;
const BACKLOG = 10_000;
const BACKLOGS = 5;
/** Between two samples. */
const PAUSE_MS = 60;

interface Tenant {
  namespace: string;
  bus: { connection: NatsConnection; jetstream: JetStreamManager };
}

export async function scalingRows(): Promise<Row[]> {
  const world = await World.start();
  const watched = new Watched();
  const cluster = await openCluster(world.api.kubeconfig);
  try {
    await cluster.watch(KINDS.Deployment, (deployment) => watched.saw(deployment));
    const tenants: Tenant[] = [];
    const tenant = async (drivers: number) => {
      const namespace = await world.api.namespace();
      for (let i = 0; i < drivers; i++) await makeDriver(world, namespace, i);
      await watched.all(namespace, drivers);
      tenants.push({ namespace, bus: await world.tenant(namespace) });
    };
    await tenant(1);
    const floor = await samples(SAMPLES, (i) => bare(world, tenants[0] as Tenant, watched, i));
    const one = await samples(SAMPLES / 2, () => wake(tenants[0] as Tenant, 0, watched, true));
    const backlogs = await samples(BACKLOGS, () => backlog(tenants[0] as Tenant, watched));
    process.stderr.write(`making ${DRIVERS} drivers …\n`);
    for (let n = 0; n < NAMESPACES; n++) await tenant(DRIVERS / NAMESPACES);
    const many = await samples(Math.min(SAMPLES, DRIVERS), (i) =>
      wake(tenants[1 + (i % NAMESPACES)] as Tenant, Math.floor(i / NAMESPACES), watched, false),
    );
    for (const { bus } of tenants) await bus.connection.close();
    return rows({ floor, one, many, backlogs });
  } finally {
    await cluster.close();
    await world.stop();
  }
}

const nameOf = (i: number) => `driver-${i}`;
const subject = (i: number) => `evt.source.0.job.n${i}`;

async function makeDriver(world: World, namespace: string, i: number): Promise<void> {
  await world.apply(namespace, nameOf(i), {
    ...{ class: "IO", module: "gateway", subscriptions: [{ types: [`job.n${i}`] }] },
    scaling: {
      maxReplicaCount: 5,
      cooldownPeriod: 0,
      behavior: { scaleDown: { stabilizationWindowSeconds: 0 } },
    },
  });
}

/** What Deployments want, as a watch tells. */
class Watched {
  readonly #wanted = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  saw({ metadata, spec }: Deployment): void {
    this.#wanted.set(`${metadata.namespace}/${metadata.name}`, spec.replicas ?? 1);
    for (const look of [...this.#waiting]) look();
  }

  until(holds: (wanted: ReadonlyMap<string, number>) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds(this.#wanted)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  wants(namespace: string, name: string, replicas: number): Promise<void> {
    return this.until((wanted) => wanted.get(`${namespace}/${name}`) === replicas);
  }

  all(namespace: string, drivers: number): Promise<void> {
    return this.until(
      (wanted) =>
        [...wanted].filter(([key, replicas]) => key.startsWith(`${namespace}/driver-`) && replicas === 0)
          .length >= drivers,
    );
  }
}

async function samples(count: number, one: (i: number) => Promise<number>): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < count; i++) {
    found.push(await one(i));
    await delay(PAUSE_MS);
  }
  return found;
}

/** A client that hears the event and patches a Deployment, and nothing else. */
async function bare(world: World, { namespace, bus }: Tenant, watched: Watched, i: number): Promise<number> {
  const path = `${collection("apps/v1", "deployments", namespace)}/bare`;
  const labels = { app: "bare" };
  const wants = (replicas: number) =>
    world.api.request("APPLY", path, {
      ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "bare" } },
      spec: {
        ...{ replicas, selector: { matchLabels: labels } },
        template: { metadata: { labels }, spec: { containers: [{ name: "a", image: "b" }] } },
      },
    });
  if (i === 0) await wants(0);
  await wants(0);
  await watched.wants(namespace, "bare", 0);
  bus.connection.subscribe("pub.*.*.bare", { max: 1, callback: () => void wants(1) });
  await bus.connection.flush();
  const began = performance.now();
  bus.connection.publish("evt.source.0.bare", "{}");
  await watched.wants(namespace, "bare", 1);
  return performance.now() - began;
}

async function wake(
  { namespace, bus }: Tenant,
  i: number,
  watched: Watched,
  again: boolean,
): Promise<number> {
  const began = performance.now();
  bus.connection.publish(subject(i), "{}");
  await watched.wants(namespace, nameOf(i), 1);
  const tookMs = performance.now() - began;
  if (again) await handleAll({ namespace, bus }, watched, 1);
  return tookMs;
}

/** To a driver with one pod that is kept busy by one event. */
async function backlog(tenant: Tenant, watched: Watched): Promise<number> {
  const { namespace, bus } = tenant;
  bus.connection.publish(subject(0), "{}");
  await watched.wants(namespace, nameOf(0), 1);
  // At no fixed distance from the last look.
  await delay(1_000 * Math.random());
  const stream = jetstream(bus.connection);
  const began = performance.now();
  const decided = watched.wants(namespace, nameOf(0), 5).then(() => performance.now());
  for (let i = 0; i < BACKLOG; i += 500)
    await Promise.all(Array.from({ length: 500 }, () => stream.publish(subject(0), "{}")));
  const tookMs = (await decided) - began;
  await bus.jetstream.streams.purge("EVENTS");
  await handleAll(tenant, watched, 0);
  return tookMs;
}

async function handleAll({ namespace, bus }: Tenant, watched: Watched, count: number): Promise<void> {
  const consumer = await jetstream(bus.connection).consumers.get("EVENTS", `${nameOf(0)}_default`);
  if (count > 0) {
    const messages = await consumer.fetch({ max_messages: count, expires: 2_000 });
    for await (const message of messages) await message.ackAck();
  }
  await watched.wants(namespace, nameOf(0), 0);
}

const ms = (value: number) => `${value.toFixed(0)} ms`;

function rows(found: { floor: number[]; one: number[]; many: number[]; backlogs: number[] }): Row[] {
  const { floor, one, many, backlogs } = found;
  const compared = (what: string, measured: number[], q: number, aim: string): Row => ({
    ...{ what, aim },
    baseline: ms(quantile(floor, q)),
    measured: ms(quantile(measured, q)),
    compared: `${(quantile(measured, q) / quantile(floor, q)).toFixed(1)} x`,
  });
  return [
    compared("publish -> 0 to 1 decided, p50", one, 0.5, "<= 50 ms"),
    compared("publish -> 0 to 1 decided, p99", one, 0.99, "<= 300 ms"),
    compared("the same with 1,000 drivers, p50", many, 0.5, "<= 50 ms"),
    compared("the same with 1,000 drivers, p99", many, 0.99, "<= 300 ms"),
    {
      what: `${BACKLOG} events begin to come -> 5 replicas decided`,
      ...{ baseline: "", compared: `at most ${ms(Math.max(...backlogs))}`, aim: "<= 1 s" },
      measured: ms(median(backlogs)),
    },
  ];
}
