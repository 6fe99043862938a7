import { type EventBusSpec, quantityBytes } from "@vextir/api";
import type { DriverAccess, DriverIdentity } from "./authority.ts";
import type { AccountClaims } from "./claims.ts";
import { busExports, driverExports } from "./exports.ts";
import { type ImportSources, importsFor } from "./imports.ts";
import { busLimits, driverLimits } from "./limits.ts";

/** An account as it should be on the server, but for the keys that it takes users of: those may change until it is pushed. */
export interface DesiredAccount {
  id: string;
  /** Says whose it is; the server's logs show it, and `driverOf` reads it back. */
  name: string;
  claims: AccountClaims;
}

export function busAccount(id: string, namespace: string): DesiredAccount {
  return { id, name: `bus/${namespace}`, claims: { limits: busLimits(), exports: busExports() } };
}

export function driverAccount(
  id: string,
  access: DriverAccess,
  sources: ImportSources,
  bus: EventBusSpec,
): DesiredAccount {
  const bare = bareDriverAccount(id, access, bus);
  const limits = driverLimits(quantityBytes(bus.maxEventBytes), access.quotas);
  return { ...bare, claims: { ...bare.claims, limits, imports: importsFor(access, sources) } };
}

/** A driver's account before its grants are known: others can import from it. */
export function bareDriverAccount(id: string, driver: DriverIdentity, bus: EventBusSpec): DesiredAccount {
  return {
    id,
    name: ["driver", driver.namespace, driver.name, driver.uid].join("/"),
    claims: {
      limits: driverLimits(quantityBytes(bus.maxEventBytes)),
      exports: driverExports(driver.name),
    },
  };
}

/** Whose account it is, by its name; undefined when it is no driver's. */
export function driverOf(accountName: string): DriverIdentity | undefined {
  const [kind, namespace, name, uid] = accountName.split("/");
  return kind === "driver" && namespace && name && uid ? { namespace, name, uid } : undefined;
}
