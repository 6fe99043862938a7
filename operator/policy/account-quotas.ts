import type { AccountQuotas } from "../bus/authority.ts";
import type { AppliedPolicy } from "./violations.ts";

/** What the bus itself refuses: of several policies the lowest holds. */
export function accountQuotas(policies: readonly AppliedPolicy[]): AccountQuotas {
  const least = (key: keyof AccountQuotas) =>
    policies.map(({ spec }) => spec.quotas[key]).filter((value) => value !== undefined);
  const entries = (["connections", "subscriptions", "publishBytesPerSecond"] as const).flatMap((key) => {
    const values = least(key);
    return values.length > 0 ? [[key, Math.min(...values)] as const] : [];
  });
  return Object.fromEntries(entries);
}
