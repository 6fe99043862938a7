import type { Manifest } from "@vextir/api";
import type { DriverAccess } from "../bus/authority.ts";
import { grants, grantsHost, unsubscribed } from "../driver/manifests/judge.ts";
import type { ExplainedNeed, Explanation } from "./explanation.ts";

/** What the code needs, and the lines that grant it. */
export function explainNeeds(manifest: Manifest, access: DriverAccess): NonNullable<Explanation["needs"]> {
  const { capabilities, subscriptions } = access;
  const needs = (["publish", "call", "observe"] as const).flatMap((field) =>
    manifest.capabilities[field].map(
      (need): ExplainedNeed => ({
        need: `${field} ${need}`,
        grantedBy: capabilities[field].flatMap((grant, index) =>
          grants(grant, need) ? [`spec.capabilities.${field}[${index}]`] : [],
        ),
      }),
    ),
  );
  const state: ExplainedNeed[] = manifest.capabilities.state
    ? [{ need: "state", grantedBy: capabilities.state ? ["spec.capabilities.state"] : [] }]
    : [];
  const hosts = (manifest.capabilities.allowedHosts ?? []).map(
    (need): ExplainedNeed => ({
      need: `allowedHosts ${need}`,
      grantedBy: capabilities.allowedHosts.flatMap((grant, index) =>
        grantsHost(grant, need) ? [`spec.capabilities.allowedHosts[${index}]`] : [],
      ),
    }),
  );
  return {
    manifest: `${manifest.name} ${manifest.version}`,
    needs: [...needs, ...state, ...hosts],
    unsubscribed: unsubscribed(manifest, { subscriptions: [...subscriptions] }),
  };
}
