import { randomBytes, randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { KubeObject } from "@vextir/api";
import { type Applied, ownerOf } from "@vextir/operator/cluster.ts";
import { type ConfigMap, KINDS, type Secret } from "@vextir/operator/kinds.ts";
import { DELETION_COST } from "@vextir/operator/scaling/pods-to-go.ts";
import type { Deployment, Pod } from "@vextir/operator/workloads.ts";
import type { Processes } from "../processes/processes.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { timestamp } from "../store/stored-object.ts";
import type { DriverImage } from "./container.ts";
import { deploymentStatus } from "./deployment-status.ts";
import { LocalPod } from "./pod.ts";
import { podSources, readsFrom } from "./pod-sources.ts";
import { podStatus } from "./pod-state.ts";
import { type RolloutPod, rolloutStep } from "./rollout.ts";
import { templateHash } from "./template-hash.ts";
import type { PodTokens } from "./tokens.ts";

const MANAGER = "vextir-kubelet";
/** Keeps a Pod object until its process is gone. */
const FINALIZER = "vextir.io/process";
/** A laptop runs no thousand processes because of a typing error. */
const DEFAULT_MAX_PODS = 64;

export interface KubeletOptions {
  store: ObjectStore;
  processes: Processes;
  tokens: PodTokens;
  image: DriverImage;
  /** Folder for the pods' volumes; emptied at the start. */
  folder: string;
  /** Default: 64. */
  maxPods?: number;
  /** A line of a driver's output. */
  onLine: (pod: Pod, line: string, stream: "stdout" | "stderr") => void;
  /** Something that people should know of a pod. */
  onNote: (pod: Pod, message: string) => void;
  /** A pod came, went, or changed its readiness. */
  onPodsChanged: () => void;
}

interface Running {
  object: Pod;
  /** What the kubelet owns of it, but for the finalizer. */
  applied: Applied<Pod>;
  template: string;
  deployment: string;
  createdAt: number;
  pod: LocalPod;
  done: Promise<void>;
}

/**
 * Kubernetes' Deployment controller and kubelet in one: makes of every Deployment in the store processes on this machine, and
 * writes Pod objects and statuses as a cluster would.
 */
export class Kubelet {
  #options: KubeletOptions;
  #maxPods: number;
  /** By namespace and name. */
  #pods = new Map<string, Running>();
  #stopping = false;

  constructor(options: KubeletOptions) {
    this.#options = options;
    this.#maxPods = options.maxPods ?? DEFAULT_MAX_PODS;
  }

  async start(): Promise<void> {
    const { store, folder } = this.#options;
    await rm(folder, { recursive: true, force: true });
    store.watch(KINDS.Deployment, (deployment) => this.#sync(deployment));
    store.watch(KINDS.Pod, (pod) => this.#podChanged(pod));
    store.watch(KINDS.ConfigMap, (object) => this.#refresh(object));
    store.watch(KINDS.Secret, (object) => this.#refresh(object));
  }

  /** Ready pods with these labels. */
  endpoints(namespace: string, labels: Readonly<Record<string, string>>): LocalPod[] {
    return [...this.#pods.values()]
      .filter(({ object }) => object.metadata.namespace === namespace && hasLabels(object, labels))
      .filter(({ pod }) => pod.state.ready)
      .map(({ pod }) => pod);
  }

  /** Terminates every pod, each within its grace period; resolves when all processes are gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const { pod } of this.#pods.values()) pod.terminate();
    while (this.#pods.size > 0) await Promise.all([...this.#pods.values()].map(({ done }) => done));
  }

  #sync(watched: Deployment): void {
    const { store } = this.#options;
    const deployment = store.get(KINDS.Deployment, watched.metadata);
    // Pods of a Deployment that is gone go by their owner.
    if (!deployment || deployment.metadata.deletionTimestamp || this.#stopping) return;
    const template = templateHash(deployment.spec.template);
    const step = rolloutStep(deployment.spec.replicas ?? 1, template, this.#podsOf(deployment));
    for (const name of step.terminate) store.delete(KINDS.Pod, { ...key(deployment), name });
    const create = Math.min(step.create, this.#maxPods - this.#pods.size);
    for (let i = 0; i < create; i++) this.#create(deployment, template);
    const failure = create < step.create ? `the local mode runs at most ${this.#maxPods} pods` : undefined;
    const observed = { deployment, template, pods: this.#podsOf(deployment), failure };
    const status = deploymentStatus(observed, timestamp(Date.now()));
    store.applyStatus(MANAGER, KINDS.Deployment, { ...identify(deployment), status });
  }

  #podsOf({ metadata }: Deployment): RolloutPod[] {
    const own = [...this.#pods.values()].filter(({ deployment }) => deployment === metadata.uid);
    return own.map(({ object, template, createdAt, pod }) => ({
      name: object.metadata.name,
      template,
      createdAt,
      cost: this.#costOf(object),
      ready: pod.state.ready,
      terminating: pod.state.phase === "Terminating",
    }));
  }

  #costOf({ metadata: { name, namespace } }: Pod): number {
    const found = this.#options.store.get(KINDS.Pod, { name, ...(namespace && { namespace }) });
    return Number(found?.metadata.annotations?.[DELETION_COST] ?? 0) || 0;
  }

  #create(deployment: Deployment, template: string): void {
    const { store, folder } = this.#options;
    const { metadata, spec } = deployment.spec.template;
    const name = `${deployment.metadata.name}-${template}-${randomBytes(3).toString("hex")}`;
    const applied = {
      apiVersion: KINDS.Pod.apiVersion,
      kind: KINDS.Pod.kind,
      metadata: {
        ...key(deployment),
        name,
        ...(metadata?.labels && { labels: metadata.labels }),
        ...(metadata?.annotations && { annotations: metadata.annotations }),
        ownerReferences: [ownerOf(deployment)],
      },
      spec,
    };
    const kept = { ...applied, metadata: { ...applied.metadata, finalizers: [FINALIZER] } };
    const object = store.apply(MANAGER, KINDS.Pod, kept);
    const pod = new LocalPod({
      ...key(deployment),
      name,
      uid: object.metadata.uid ?? randomUUID(),
      template: deployment.spec.template,
      folder: join(folder, name),
      image: this.#options.image,
      processes: this.#options.processes,
      sources: podSources(store, this.#options.tokens, object),
      onLine: (line, stream) => this.#options.onLine(object, line, stream),
      onNote: (message) => this.#options.onNote(object, message),
      changed: () => this.#changed(running),
    });
    const createdAt = Date.now();
    const running: Running = {
      object,
      applied,
      template,
      deployment: deployment.metadata.uid ?? "",
      createdAt,
      pod,
      done: Promise.resolve(),
    };
    this.#pods.set(id(object), running);
    running.done = pod.run().then(
      () => this.#gone(running),
      (error) => {
        this.#options.onNote(object, `was not removed cleanly: ${(error as Error).message}`);
        this.#gone(running);
      },
    );
    this.#writeStatus(running);
    this.#tellUnused(object);
  }

  #tellUnused(object: Pod): void {
    const [, ...others] = [...object.spec.containers, ...(object.spec.initContainers ?? [])];
    const names = others.map(({ name }) => name).join(", ");
    if (names !== "")
      this.#options.onNote(
        object,
        `runs without its other containers (${names}): the local mode runs no images`,
      );
  }

  #changed(running: Running): void {
    this.#writeStatus(running);
    this.#syncOwner(running.object);
    this.#options.onPodsChanged();
  }

  #writeStatus({ object, pod }: Running): void {
    const { store } = this.#options;
    const container = object.spec.containers[0]?.name ?? "";
    if (store.get(KINDS.Pod, object.metadata))
      store.applyStatus(MANAGER, KINDS.Pod, { ...identify(object), status: podStatus(pod.state, container) });
  }

  #gone({ object, applied }: Running): void {
    const { store, onPodsChanged } = this.#options;
    this.#pods.delete(id(object));
    if (store.get(KINDS.Pod, object.metadata)) {
      store.delete(KINDS.Pod, object.metadata);
      store.apply(MANAGER, KINDS.Pod, applied);
    }
    this.#syncOwner(object);
    onPodsChanged();
  }

  #syncOwner({ metadata }: Pod): void {
    const name = metadata.ownerReferences?.[0]?.name ?? "";
    const deployment = this.#options.store.get(KINDS.Deployment, { ...key({ metadata }), name });
    if (deployment) this.#sync(deployment);
  }

  #podChanged(object: Pod): void {
    if (!object.metadata.deletionTimestamp) return;
    const running = this.#pods.get(id(object));
    if (running?.object.metadata.uid === object.metadata.uid) running?.pod.terminate();
  }

  #refresh(changed: ConfigMap | Secret): void {
    for (const { object, pod } of this.#pods.values())
      if (object.metadata.namespace === changed.metadata.namespace && readsFrom(object, changed))
        pod.refresh();
  }
}

const key = ({ metadata }: Pick<KubeObject, "metadata">) => ({ namespace: metadata.namespace ?? "default" });
const id = ({ metadata }: KubeObject) => `${metadata.namespace}/${metadata.name}`;
const identify = ({ apiVersion, kind, metadata }: KubeObject) => ({
  apiVersion,
  kind,
  metadata: { ...key({ metadata }), name: metadata.name },
});

const hasLabels = ({ metadata }: KubeObject, labels: Readonly<Record<string, string>>) =>
  Object.entries(labels).every(([name, value]) => metadata.labels?.[name] === value);
