import {
  type Capabilities,
  covers,
  type DriverFile,
  hostCovers,
  type Manifest,
  type Needs,
  parseHostPattern,
} from "@vextir/api";
import { configProblems } from "./config-check.ts";

/** Reasons stand in conditions as they are here. */
export type Verdict =
  | { accepted: true }
  | { accepted: false; reason: "ClassMismatch" | "ConfigInvalid"; message: string }
  | { accepted: false; reason: "CapabilitiesMissing"; message: string; missing: string[] };

/**
 * Whether code that says this of itself may run as this driver: its class, its configuration, its needs against the grants.
 * `isTrusted`: it is the release's.
 * @throws TimeLimitError when a stranger's schema takes too long.
 */
export function judge(
  manifest: Manifest,
  file: Pick<DriverFile, "class" | "config" | "secretNames" | "capabilities">,
  isTrusted = false,
): Verdict {
  if (manifest.class !== file.class) {
    const message = `the code is of class ${manifest.class}, spec.class says ${file.class}`;
    return { accepted: false, reason: "ClassMismatch", message };
  }
  const problems = manifest.config
    ? configProblems(manifest.config, file.config, file.secretNames, isTrusted)
    : [];
  if (problems.length > 0)
    return { accepted: false, reason: "ConfigInvalid", message: `spec.${problems.join("; spec.")}` };
  const missing = missingGrants(manifest.capabilities, file.capabilities);
  if (missing.length > 0) {
    const message = `the code needs what spec.capabilities doesn't grant: ${missing.join("; ")}`;
    return { accepted: false, reason: "CapabilitiesMissing", message, missing };
  }
  return { accepted: true };
}

const isLive = (pattern: string) => pattern.startsWith("live.");
/** Whether a grant meets a need. Live topics are granted by name alone: they are no events, so `>` does not mean them. */
export const grants = (grant: string, need: string) => isLive(grant) === isLive(need) && covers(grant, need);

/** What is needed and not granted, as `publish a.b, c.d` and `state`; patterns are granted by one that covers them. */
export function missingGrants(needs: Needs, granted: Capabilities): string[] {
  const lists = (["publish", "call", "observe"] as const).flatMap((verb) => {
    const missing = needs[verb].filter((need) => !granted[verb].some((grant) => grants(grant, need)));
    return missing.length > 0 ? [`${verb} ${missing.join(", ")}`] : [];
  });
  const hosts = (needs.allowedHosts ?? []).filter(
    (need) => !granted.allowedHosts.some((grant) => grantsHost(grant, need)),
  );
  return [
    ...lists,
    ...(needs.state && !granted.state ? ["state"] : []),
    ...(hosts.length > 0 ? [`allowedHosts ${hosts.join(", ")}`] : []),
  ];
}

/** Whether an entry of allowedHosts grants another. */
export function grantsHost(grant: string, need: string): boolean {
  const [outer, inner] = [parseHostPattern(grant), parseHostPattern(need)];
  return outer !== undefined && inner !== undefined && hostCovers(outer, inner);
}

/** Types that the code handles and no subscription brings. */
export function unsubscribed(manifest: Manifest, file: Pick<DriverFile, "subscriptions">): string[] {
  const types = file.subscriptions.flatMap((subscription) => subscription.types);
  return manifest.subscriptions.map(({ type }) => type).filter((type) => !types.some((t) => covers(t, type)));
}
