import type { Capabilities, Driver } from "@vextir/api";

/** Drivers that a driver's grants name: those it may call, and those whose live topics it may watch. */
export interface NamedPeers {
  names: ReadonlySet<string>;
  /** Granted calls to every driver (`*.verify`). */
  all: boolean;
}

export function namedPeers({ call, observe }: Pick<Capabilities, "call" | "observe">): NamedPeers {
  const own = call.filter((pattern) => !pattern.startsWith("@"));
  const called = own.map((pattern) => pattern.slice(0, pattern.indexOf(".")));
  const watched = observe
    .filter((pattern) => pattern.startsWith("live."))
    .map((pattern) => pattern.split(".")[1] ?? "");
  const names = new Set([...called, ...watched].filter((name) => name !== "*" && name !== ""));
  return { names, all: called.includes("*") };
}

/** Its named peers that are there, by name: name -> uid. One that is being deleted is no more. */
export function presentPeers(
  driver: Driver,
  named: NamedPeers,
  tenant: readonly Driver[],
): ReadonlyMap<string, string> {
  const present = tenant.filter(
    ({ metadata }) =>
      metadata.name !== driver.metadata.name &&
      metadata.uid !== undefined &&
      metadata.deletionTimestamp === undefined &&
      (named.all || named.names.has(metadata.name)),
  );
  return new Map(present.map(({ metadata }) => [metadata.name, metadata.uid ?? ""]));
}

/** Of the tenant's drivers those whose access changes when the driver of this name comes or goes. */
export function dependents(name: string, tenant: readonly Driver[]): string[] {
  return tenant
    .filter((driver) => driver.metadata.name !== name && names(driver, name))
    .map((driver) => driver.metadata.name);
}

function names(driver: Driver, name: string): boolean {
  const { call = [], observe = [] } = driver.spec?.capabilities ?? {};
  const named = namedPeers({ call, observe });
  return named.all || named.names.has(name);
}
