import type { Driver, ToolServer, ToolServerReport, ToolServerStatus } from "@vextir/api";
import { conditions, type Finding, no, summary, unknown, yes } from "../conditions.ts";

export interface ToolServerObserved {
  /** As it was applied; absent: it was not. */
  driver?: Driver;
  /** What its pods say; absent: nothing yet. */
  report?: ToolServerReport;
  /** Why they could not be asked. */
  silence?: string;
}

const NOT_ACCEPTED = unknown("NotAccepted", "the spec is not carried out");

/** What is said of a ToolServer: `accepted` of its spec, and what was observed of the Driver that stands for it. */
export function toolServerStatus(
  server: ToolServer,
  accepted: Finding,
  observed: ToolServerObserved,
  now: number,
): ToolServerStatus {
  const { generation = 0 } = server.metadata;
  const { report } = observed;
  const isAccepted = accepted.status === "True";
  const findings = {
    Accepted: accepted,
    DriverReady: isAccepted ? driverReady(observed.driver) : NOT_ACCEPTED,
    Reachable: isAccepted ? reachable(observed) : NOT_ACCEPTED,
  };
  const known = report ?? knownBefore(server.status);
  return {
    observedGeneration: generation,
    ...(known.server && { server: known.server }),
    ...(known.tools && { tools: known.tools, toolCount: known.tools.length }),
    ...(known.lastError && { lastError: known.lastError }),
    conditions: conditions(
      { ...findings, Ready: summary(findings) },
      server.status?.conditions ?? [],
      generation,
      now,
    ),
  };
}

/** Pods that can't be asked for a moment make nothing untrue. */
const knownBefore = ({ server, tools, lastError }: ToolServerStatus = {}) => ({ server, tools, lastError });

/** The Driver's own word of whether it is ready. */
function driverReady(driver: Driver | undefined): Finding {
  const ready = driver?.status?.conditions?.find(({ type }) => type === "Ready");
  if (!driver || !ready) return unknown("Progressing", "its Driver was made just now");
  const { status, reason, message } = ready;
  if (status === "True") return yes("Ready", `Driver ${driver.metadata.name} is ready`);
  return { status, reason, message: `Driver ${driver.metadata.name}: ${message}` };
}

function reachable({ report, silence }: ToolServerObserved): Finding {
  if (!report) return unknown("NotAsked", silence ?? "its Driver is not ready");
  const { state, tools, leftOut, lastError } = report;
  if (state === "NotAskedYet") return unknown("Progressing", "the server is being asked for its tools");
  if (state === "Unreachable")
    return no("Unreachable", lastError?.message ?? "the server could not be asked");
  const but = leftOut.length === 0 ? "" : `; left out: ${leftOut.join(", ")}`;
  return yes("Reachable", `${tools.length} tools are offered${but}`);
}
