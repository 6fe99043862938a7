/** Plays the Deployment controller and the kubelets: every pod that is wanted is ready at once. Argument: a kubeconfig. */
import type { KubeObject } from "@vextir/api";
import { KINDS } from "../../operator/kinds.ts";
import { KubeCluster, objectPath, openKubeApi } from "../../operator/kube/index.ts";
import type { Deployment } from "../../operator/workloads.ts";

const log = { debug() {}, warn: console.error, error: console.error };
const { api } = await openKubeApi({ kubeconfig: process.argv[2] ?? "", userAgent: "played-kubelet" });
const cluster = new KubeCluster({ api, log });
const AT_A_TIME = 8;

const pending = new Map<string, Deployment>();
let running = 0;

function pump(): void {
  for (const [key, deployment] of pending) {
    if (running >= AT_A_TIME) return;
    pending.delete(key);
    running++;
    void makeReady(deployment).finally(() => {
      running--;
      pump();
    });
  }
}

async function makeReady({ metadata, spec }: Deployment): Promise<void> {
  const { replicas = 1 } = spec;
  const status = {
    observedGeneration: metadata.generation,
    ...{ replicas, readyReplicas: replicas, updatedReplicas: replicas, availableReplicas: replicas },
  };
  const path = `${objectPath(KINDS.Deployment, keyOf(metadata))}/status`;
  await api
    .call("PATCH", path, { contentType: "application/merge-patch+json", body: { status } })
    .catch((error: Error) => console.error(error.message));
}

const keyOf = ({ name, namespace = "" }: KubeObject["metadata"]) => ({ name, namespace });

await cluster.watch(KINDS.Deployment, (deployment) => {
  const { metadata, status } = deployment;
  if (metadata.deletionTimestamp || status?.observedGeneration === metadata.generation) return;
  pending.set(`${metadata.namespace}/${metadata.name}`, deployment);
  pump();
});
process.stdout.write("ready\n");
