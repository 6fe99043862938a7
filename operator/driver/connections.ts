import type { DriverSpec } from "@vextir/api";
import type { AccountQuotas } from "../bus/authority.ts";

/** While a pod's token is renewed it has two connections; pods that stop stand beside those that begin. */
const PER_POD = 4;
/** Of pods that died without a word the server finds out within a minute; and somebody may look with the CLI. */
const SPARE = 8;
/** Fewer pods are counted as so many. */
const FEWEST = 8;

/**
 * The quotas of a driver's account: as many connections as its pods can need, at most those that policies allow. Whoever stole a
 * token can't use up the server's connections with it.
 *
 * Pods are counted in powers of two: to scale a driver by a few changes its Deployment alone, and doesn't wait for the bus to have
 * another account.
 *
 * @param pods Pods that there are: more than are wanted when it was just scaled down, and they still have work in hand.
 */
export function quotasOf(spec: DriverSpec, pods: number, policy: AccountQuotas): AccountQuotas {
  const wanted = spec.scaling?.maxReplicaCount ?? spec.replicas;
  const counted = 2 ** Math.ceil(Math.log2(Math.max(FEWEST, wanted, pods)));
  const needed = PER_POD * counted + SPARE;
  return { ...policy, connections: Math.min(needed, policy.connections ?? needed) };
}
