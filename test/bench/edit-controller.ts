/** The same through the operator's own parts: a cache of Drivers and Deployments, work queue, comparison, apply. */
import { Controller } from "../../operator/controller/index.ts";
import { KINDS } from "../../operator/kinds.ts";
import { KubeCluster, openKubeApi } from "../../operator/kube/index.ts";
import { deploymentOf } from "./edit-deployment.ts";

const log = { debug() {}, warn: console.error, error: console.error };
const { api } = await openKubeApi({ serviceAccountDir: process.argv[2] ?? "" });
const cluster = new KubeCluster({ api, log });
const controller = new Controller({
  name: "driver",
  log,
  async reconcile(key) {
    const driver = await cluster.get(KINDS.Driver, key);
    if (driver) await cluster.apply(KINDS.Deployment, deploymentOf(driver));
  },
});
const enqueue = ({
  metadata: { namespace = "", name },
}: {
  metadata: { namespace?: string; name: string };
}) => controller.enqueue({ namespace, name });
await Promise.all([cluster.watch(KINDS.Driver, enqueue), cluster.watch(KINDS.Deployment, enqueue)]);
controller.start();
await controller.idle();
process.stdout.write("ready\n");
