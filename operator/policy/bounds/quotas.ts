import type { DriverSpec, Quotas } from "@vextir/api";
import type { Excess } from "../violation.ts";

/** `rank`: how many Drivers of the namespace are older. What the bus itself refuses (connections, subscriptions) is not here. */
export function quotaExcess(spec: DriverSpec, quotas: Quotas, rank: number): Excess[] {
  const { scaling, replicas } = spec;
  const [field, pods] = scaling
    ? ["spec.scaling.maxReplicaCount", Math.max(scaling.maxReplicaCount, scaling.minReplicaCount)]
    : ["spec.replicas", replicas];
  return [
    ...(quotas.drivers !== undefined && rank >= quotas.drivers
      ? [excess("metadata.name", `Driver ${rank + 1} of its namespace`, "quotas.drivers", quotas.drivers)]
      : []),
    ...(quotas.replicas !== undefined && pods > quotas.replicas
      ? [excess(String(field), String(pods), "quotas.replicas", quotas.replicas)]
      : []),
  ];
}

const excess = (field: string, value: string, rule: string, most: number): Excess => ({
  field,
  value,
  rule,
  allowed: `at most ${most}`,
});
