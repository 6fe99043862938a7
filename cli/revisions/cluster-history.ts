import { ClusterError } from "@vextir/operator/cluster.ts";
import { type Revision, restoredSpec, revisionsOf } from "@vextir/operator/driver/revisions/revision.ts";
import { type ControllerRevision, KINDS } from "@vextir/operator/kinds.ts";
import { HttpClient, KubeApi, objectPath, openAccess } from "@vextir/operator/kube/index.ts";
import { LABELS } from "@vextir/operator/labels.ts";
import type { History } from "./history.ts";

export interface KubeconfigOptions {
  kubeconfig?: string;
  context?: string;
}

/** A cluster, as the kubeconfig's user: what he may not read or change there he can't here. Close it. */
export class ClusterHistory {
  readonly #api: KubeApi;

  private constructor(api: KubeApi) {
    this.#api = api;
  }

  /** @throws ClusterError `Unavailable` */
  static async open({ kubeconfig, context }: KubeconfigOptions): Promise<ClusterHistory> {
    const access = await openAccess({ ...(kubeconfig && { kubeconfig }), ...(context && { context }) });
    return new ClusterHistory(new KubeApi(new HttpClient(access, { userAgent: "vextir" })));
  }

  close(): void {
    this.#api.close();
  }

  /** @throws ClusterError */
  async of(namespace: string, name: string): Promise<History> {
    const driver = await this.#api.get(KINDS.Driver, { namespace, name });
    if (!driver) throw new ClusterError("NotFound", `there is no Driver ${name} in namespace ${namespace}`);
    const found: ControllerRevision[] = [];
    const labels = { [LABELS.driver]: name };
    for await (const { items } of this.#api.pages(KINDS.ControllerRevision, { namespace, labels }))
      found.push(...(items as unknown as ControllerRevision[]));
    return { driver, revisions: revisionsOf(driver, found) };
  }

  /** Unless the Driver was changed since it was read. @throws ClusterError `Conflict`, `Forbidden`, `Invalid` */
  async restore({ driver }: Pick<History, "driver">, revision: Revision, dryRun = false): Promise<void> {
    const { namespace = "", name, resourceVersion } = driver.metadata;
    const path = objectPath(KINDS.Driver, { namespace, name });
    await this.#api.call("PATCH", `${path}?fieldManager=vextir-rollback${dryRun ? "&dryRun=All" : ""}`, {
      contentType: "application/json-patch+json",
      body: [
        { op: "test", path: "/metadata/resourceVersion", value: resourceVersion },
        { op: "replace", path: "/spec", value: restoredSpec(driver.spec, revision) },
      ],
    });
  }
}
