import type { Driver } from "@vextir/api";
import { forEachBounded } from "../bounded.ts";
import type { DriverIdentity } from "../bus/authority.ts";
import type { Cluster, Kind } from "../cluster.ts";
import { KINDS } from "../kinds.ts";

/** The part of the bus authority that tells of accounts. */
export interface DriverAccounts {
  /** Ids of all accounts. */
  accountIds(): Promise<readonly string[]>;
  /** Whose accounts these are, without those of the drivers with these uids. */
  driversOf(accountIds: readonly string[], except: ReadonlySet<string>): Promise<readonly DriverIdentity[]>;
  removeDriver(driver: DriverIdentity): Promise<void>;
  /** The account alone: consumers and bucket of that name may be those of a successor. */
  removeDriverAccount(driver: DriverIdentity): Promise<void>;
}

/** Not the watched kind: the API server itself is asked, before anything else of the cluster is known. */
const NAMES: Kind<Driver> = { ...KINDS.Driver, metadataOnly: true };
const AT_A_TIME = 16;

/**
 * Removes accounts whose Driver is gone although nobody cleaned up after it (its finalizer was removed by hand, or the operator
 * was away), and those whose Driver is being deleted: what they still have on the bus goes with the Driver.
 * @returns those removed. @throws BusError, ClusterError
 */
export async function collectOrphans(
  cluster: Cluster,
  accounts: DriverAccounts,
  watches: (namespace: string) => boolean,
): Promise<DriverIdentity[]> {
  const ids = await accounts.accountIds();
  // Afterwards: who has an account had its Driver before.
  const drivers = await cluster.list(NAMES);
  const live = drivers.filter(({ metadata }) => !metadata.deletionTimestamp);
  const unowned = await accounts.driversOf(ids, new Set(live.map(({ metadata }) => metadata.uid ?? "")));
  // Of another namespace nobody here knows which Drivers there are.
  const removed = unowned.filter(({ namespace }) => watches(namespace));
  // The accounts of all of them first: from then on nobody is connected.
  await forEachBounded(removed, AT_A_TIME, (driver) => accounts.removeDriverAccount(driver));
  const names = new Set(drivers.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`));
  const gone = removed.filter(({ namespace, name }) => !names.has(`${namespace}/${name}`));
  await forEachBounded(gone, AT_A_TIME, (driver) => accounts.removeDriver(driver));
  return removed;
}
