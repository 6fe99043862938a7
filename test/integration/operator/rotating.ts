import { SecretPinnedIds } from "@vextir/operator/bootstrap/secret-pinned-ids.ts";
import { OwnSecrets } from "@vextir/operator/bootstrap/secrets.ts";
import { KeyRotations, SecretKeyStore } from "@vextir/operator/keys/index.ts";
import { KubeCluster, openKubeApi } from "@vextir/operator/kube/index.ts";
import { pino } from "pino";
import { SYSTEM, type World } from "./world.ts";

/** Rotations as a replica of the operator begins them, with its permissions. Close it. */
export async function openRotations(
  world: World,
): Promise<{ rotations: KeyRotations; close(): Promise<void> }> {
  const { api } = await openKubeApi({ kubeconfig: world.kubeconfig });
  const cluster = new KubeCluster({ api, log: pino({ level: "silent" }) });
  const secrets = new OwnSecrets(cluster, SYSTEM);
  const store = new SecretKeyStore(secrets);
  const rotations = new KeyRotations({ store, cluster, pinned: new SecretPinnedIds(secrets) });
  return { rotations, close: () => cluster.close() };
}
