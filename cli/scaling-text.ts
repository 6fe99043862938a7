import type { ScalingReport } from "@vextir/api";

/** How a driver is scaled, and why, for the screen. */
export function scalingText(report: ScalingReport): string {
  const { namespace, name, replicas, readyReplicas, reason, message, bounds, decisions } = report;
  return [
    `Driver ${namespace}/${name}: ${replicas} wanted, ${readyReplicas} ready`,
    `  ${reason}: ${message}`,
    `  lag: ${lagText(report)}`,
    `  work: ${report.activeMsAgo < 1_000 ? "now" : `last ${seconds(report.activeMsAgo)} ago`}`,
    `  bounds: ${boundsText(bounds)}`,
    ...(report.podPerSecond === undefined
      ? []
      : [`  a pod handles ${report.podPerSecond.toPrecision(3)} per second`]),
    ...(decisions.length === 0 ? ["No changes since this leader began."] : ["Changes, the last one first:"]),
    ...decisions.map(
      ({ at, from, to, reason: why, message: words }) => `  ${at}  ${from} -> ${to}  ${why}: ${words}`,
    ),
  ].join("\n");
}

function lagText({ lag, lookedMsAgo = 0, failures }: ScalingReport): string {
  const failed = failures > 0 ? `; the last ${failures} looks failed` : "";
  if (!lag) return `not read yet${failed}`;
  const { total, pending, inFlight, redelivered } = lag;
  const parts = `${pending} given to nobody yet, ${inFlight} in flight, ${redelivered} of them again`;
  return `${total} (${parts}), ${seconds(lookedMsAgo)} ago${failed}`;
}

function boundsText({
  minReplicaCount,
  maxReplicaCount,
  idleReplicaCount,
  scheduled,
}: ScalingReport["bounds"]) {
  const idle = idleReplicaCount === undefined ? "" : `, ${idleReplicaCount} without work`;
  const clock = scheduled > 0 ? `, at least ${scheduled} by the schedule in force` : "";
  return `${minReplicaCount} to ${maxReplicaCount}${idle}${clock}`;
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
