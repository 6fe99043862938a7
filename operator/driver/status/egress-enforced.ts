import type { DriverSpec } from "@vextir/api";
import { type Finding, no, unknown, yes } from "../../conditions.ts";
import type { NetworkGuard, Release } from "../../release.ts";

/** Whether the driver's pods can go nowhere but where the Driver says. No driver waits for it: it says how much a grant is worth. */
export function egressEnforced(
  spec: DriverSpec | undefined,
  { guard = "Unverified", egress, hub }: Pick<Release, "guard" | "egress" | "hub">,
): Finding {
  const hosts = spec?.capabilities.allowedHosts.length ?? 0;
  const always = ["DNS", "the bus", ...(hub ? ["the context hub"] : [])];
  const reached =
    hosts > 0 && egress
      ? `${always.join(", ")} and, through the egress proxy, its allowedHosts`
      : `${always.slice(0, -1).join(", ")} and ${always.at(-1)}`;
  const { find, message } = FINDINGS[guard](reached);
  const none = hosts > 0 && !egress && guard !== "LocalMode";
  return find(
    none
      ? `${message}; there is no egress proxy (the chart's egress.enabled), so no allowed host is reached`
      : message,
  );
}

type Said = { find: (message: string) => Finding; message: string };

const FINDINGS: Record<NetworkGuard, (reached: string) => Said> = {
  Enforced: (reached) => ({
    find: (message) => yes("Enforced", message),
    message: `the pods reach ${reached} alone`,
  }),
  Unverified: (reached) => ({
    find: (message) => unknown("NotVerified", message),
    message: `a NetworkPolicy lets the pods reach ${reached} alone, where the cluster's network enforces it; if it does, the chart's networkPolicies.enforced says so`,
  }),
  PoliciesOff: () => ({
    find: (message) => no("NetworkPoliciesOff", message),
    message:
      "the chart makes no NetworkPolicies (networkPolicies.enabled): the pods reach whatever the cluster's network lets them reach",
  }),
  LocalMode: () => ({
    find: (message) => no("LocalMode", message),
    message:
      "the local mode guards the bus, not the machine: the driver's process reaches whatever this machine reaches",
  }),
};
