/**
 * From a grant that is taken away until nothing is left of it: connections kicked, tokens refused, pods gone. The whole operator in this
 * process, with a real API server and nats-server. The baseline of the same run only hears of the change by a watch.
 */
import type { NatsConnection } from "@nats-io/transport-node";
import { API_VERSION } from "@vextir/api";
import { KINDS } from "../../operator/kinds.ts";
import { eventually } from "../fixtures/eventually.ts";
import { openCluster } from "../fixtures/kube-cluster.ts";
import { collection, World } from "../integration/operator/world.ts";
import { median, type Row } from "./statistics.ts";

const SAMPLES = 20;

export async function revocationRows(): Promise<Row[]> {
  const world = await World.start();
  const cluster = await openCluster(world.api.kubeconfig);
  try {
    const namespace = await world.api.namespace();
    const heard = new Map<string, () => void>();
    await cluster.watch(KINDS.Driver, ({ metadata }) => {
      if (metadata.deletionTimestamp) heard.get(metadata.name)?.();
    });
    const bare: number[] = [];
    const [kicked, refused, podless, edited, unadmitted] = [[], [], [], [], []] as number[][];
    for (let i = 0; i < SAMPLES; i++) {
      const victim = (what: string) => Victim.make(world, namespace, `${what}-${i}`);
      edited?.push(await (await victim("edited")).edited());
      unadmitted?.push(await (await victim("unadmitted")).unadmitted());
      podless?.push(await (await victim("podless")).podDeleted());
      const deleted = await victim("deleted");
      const began = performance.now();
      const told = new Promise<void>((resolve) => heard.set(deleted.name, resolve)).then(() =>
        bare.push(performance.now() - began),
      );
      const took = await deleted.deleted();
      kicked?.push(took.kicked);
      refused?.push(took.refused);
      await told;
    }
    const row = (what: string, values: readonly number[] = []): Row => ({
      what,
      baseline: `${median(bare).toFixed(0)} / ${Math.max(...bare).toFixed(0)} ms`,
      measured: `${median(values).toFixed(0)} / ${Math.max(...values).toFixed(0)} ms`,
      compared: `${(median(values) / median(bare)).toFixed(1)} x`,
      aim: "most <= 2 s",
    });
    return [
      row("Driver deleted -> its connection is kicked, p50 / most", kicked),
      row("Driver deleted -> its token was refused, p50 / most", refused),
      row("a pod deleted -> its token was refused, p50 / most", podless),
      row("a grant edited -> gone on the open connection, p50 / most", edited),
      row("a policy tightened -> kicked, its Deployment gone, p50 / most", unadmitted),
    ];
  } finally {
    await cluster.close();
    await world.stop();
  }
}

const specWith = (type: string) => ({ class: "IO", module: "gateway", capabilities: { publish: [type] } });

/** A driver with a connection, from which something is taken away. */
class Victim {
  readonly name: string;
  readonly #world: World;
  readonly #namespace: string;
  readonly #pod: string;
  readonly #token: string;
  readonly #connection: NatsConnection;

  private constructor(
    world: World,
    namespace: string,
    name: string,
    pod: { pod: string; token: string; connection: NatsConnection },
  ) {
    this.#world = world;
    this.#namespace = namespace;
    this.name = name;
    this.#pod = pod.pod;
    this.#token = pod.token;
    this.#connection = pod.connection;
  }

  static async make(world: World, namespace: string, name: string): Promise<Victim> {
    await world.apply(namespace, name, specWith("a.b"));
    await world.waitFor(namespace, name, "BusAccessReady", "True");
    const { pod, token } = await world.pod(namespace, name);
    return new Victim(world, namespace, name, { pod, token, connection: await world.connectWith(token) });
  }

  async deleted(): Promise<{ kicked: number; refused: number }> {
    const began = performance.now();
    await this.#world.delete(this.#namespace, this.name);
    await this.#connection.closed();
    const kicked = performance.now() - began;
    await this.#isRefused();
    return { kicked, refused: performance.now() - began };
  }

  async podDeleted(): Promise<number> {
    await this.#connection.close();
    const began = performance.now();
    const path = `${collection("v1", "pods", this.#namespace)}/${this.#pod}`;
    await this.#world.api.request("DELETE", path, { gracePeriodSeconds: 0 });
    await this.#isRefused();
    const tookMs = performance.now() - began;
    await this.#world.delete(this.#namespace, this.name);
    return tookMs;
  }

  async edited(): Promise<number> {
    const began = performance.now();
    await this.#world.apply(this.#namespace, this.name, specWith("a.c"));
    await eventually(() =>
      this.#connection.request(`evt.${this.name}.0.a.b`, "x", { timeout: 10_000 }).then(
        () => false,
        () => true,
      ),
    );
    const tookMs = performance.now() - began;
    await this.#world.delete(this.#namespace, this.name);
    return tookMs;
  }

  async unadmitted(): Promise<number> {
    const path = `/apis/${API_VERSION}/tenantpolicies/${this.#namespace}`;
    const began = performance.now();
    const { status, body } = await this.#world.api.request("APPLY", path, {
      ...{ apiVersion: API_VERSION, kind: "TenantPolicy", metadata: { name: this.#namespace } },
      spec: {
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": this.#namespace } },
        capabilities: { publish: ["mail.>"] },
      },
    });
    if (status >= 300) throw new Error(body.message);
    await this.#connection.closed();
    await eventually(async () => !(await this.#world.deployment(this.#namespace, this.name)));
    const tookMs = performance.now() - began;
    await this.#world.delete(this.#namespace, this.name);
    await this.#world.api.request("DELETE", path);
    return tookMs;
  }

  #isRefused() {
    return eventually(() =>
      this.#world.connectWith(this.#token).then(
        (open) => open.close().then(() => false),
        () => true,
      ),
    );
  }
}
