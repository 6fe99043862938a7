import type { Import } from "@nats-io/jwt";
import { meet, parseShared, subjects } from "@vextir/api";
import type { DriverAccess, SharedAccess, SharedByTenant } from "./authority.ts";
import { disjointPatterns } from "./pattern-sets.ts";

/** Ids of accounts of other tenants. */
export interface SharedSources {
  /** The bus account of a namespace; undefined: it has none. */
  busOf(namespace: string): string | undefined;
  /** The account of the driver with this uid. */
  driver(uid: string): string;
}

const SHARED = { observe: "shared-observe", call: "shared-call", wake: "shared-wake" } as const;

/** Whether an import of a driver's account is of another tenant. */
export const isSharedImport = ({ name }: Import) => Object.values<string | undefined>(SHARED).includes(name);

/**
 * What a driver may have of other tenants: of its grants (`@<namespace>.…`) what the other tenant exports and its own imports. Local
 * names say whose it is, and so do callers: `<driver>@<namespace>` is no name that a driver of the callee's tenant can have.
 */
export function sharedImports(access: SharedAccess, sources: SharedSources): Import[] {
  return (access.shared ?? []).flatMap((share) => [
    ...observing(access, share, sources),
    ...calls(access, share).map(({ callee, method }) =>
      item({
        name: SHARED.call,
        type: "service",
        account: sources.driver(share.peers.get(callee) ?? ""),
        subject: subjects.call(callee, method, `${access.name}@${access.namespace}`),
        local_subject: subjects.sharedCall(share.namespace, callee, method),
      }),
    ),
    ...waking(access, share, sources),
  ]);
}

function observing(access: SharedAccess, share: SharedByTenant, sources: SharedSources): Import[] {
  const account = sources.busOf(share.namespace);
  if (account === undefined) return [];
  const types = granted(access.capabilities.observe, share.namespace, share.types);
  return disjointPatterns(access, `capabilities.observe of @${share.namespace}`, types).map((type) =>
    item({
      name: SHARED.observe,
      type: "stream",
      account,
      subject: subjects.published("*", type),
      local_subject: subjects.sharedPublished(share.namespace, type),
    }),
  );
}

function waking(access: SharedAccess, share: SharedByTenant, sources: SharedSources): Import[] {
  const account = sources.busOf(share.namespace);
  if (account === undefined) return [];
  const callees = new Set(calls(access, share).map(({ callee }) => callee));
  return [...callees].map((callee) =>
    item({
      name: SHARED.wake,
      type: "service",
      account,
      subject: subjects.wake(callee),
      local_subject: subjects.sharedWake(share.namespace, callee),
    }),
  );
}

/** Callees are named one by one: each has an account of its own. */
function calls(access: SharedAccess, share: SharedByTenant): { callee: string; method: string }[] {
  const found = granted(access.capabilities.call, share.namespace, share.methods).flatMap((pattern) => {
    const [driver = "", method = ""] = pattern.split(".");
    const callees = driver === "*" ? [...share.peers.keys()] : [driver];
    return callees.filter((callee) => share.peers.has(callee)).map((callee) => `${callee}.${method}`);
  });
  const unique = new Set(found);
  return [...unique].flatMap((name) => {
    const [callee = "", method = ""] = name.split(".");
    return method !== "*" && unique.has(`${callee}.*`) ? [] : [{ callee, method }];
  });
}

/** Drivers of other tenants whose accounts `sharedImports` imports from. */
export const sharedPeers = (access: DriverAccess) =>
  (access.shared ?? []).flatMap((share) =>
    [...new Set(calls(access, share).map(({ callee }) => callee))].map((name) => ({
      namespace: share.namespace,
      name,
      uid: share.peers.get(name) ?? "",
    })),
  );

/** What both are for: a grant of the driver, and what the tenant shares. */
function granted(grants: readonly string[], namespace: string, shared: readonly string[]): string[] {
  const own = grants.map(parseShared).filter((grant) => grant.namespace === namespace);
  return own.flatMap(({ pattern }) =>
    shared.map((offered) => meet(pattern, offered)).filter((both) => both !== undefined),
  );
}

const item = (fields: Import): Import => fields;
