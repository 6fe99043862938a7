import type { Condition, Driver } from "@vextir/api";
import { KINDS } from "@vextir/operator/kinds.ts";
import { printable, table } from "./output/text.ts";
import type { OpenPort } from "./services/services.ts";
import type { ObjectStore } from "./store/object-store.ts";

/** A driver as `kubectl get drivers` shows it, with where it can be reached. */
export interface DriverRow {
  namespace: string;
  name: string;
  class: string;
  /** Status of its condition `Ready` for the spec as it is now; `Unknown` until then. */
  ready: Condition["status"];
  active: Condition["status"];
  replicas: number;
  /** Of the condition `Ready`, while it is not True. */
  reason: string;
  message: string;
  urls: string[];
  /** RFC 3339. */
  createdAt: string;
}

export function driverRows(store: ObjectStore, ports: readonly OpenPort[]): DriverRow[] {
  return store
    .list(KINDS.Driver)
    .map((driver) => rowOf(driver, ports))
    .sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
}

function rowOf(driver: Driver, ports: readonly OpenPort[]): DriverRow {
  const { name, namespace = "default", generation, creationTimestamp = "" } = driver.metadata;
  const condition = (type: string) => driver.status?.conditions?.find((candidate) => candidate.type === type);
  const ready = condition("Ready");
  const current = ready?.observedGeneration === undefined || ready.observedGeneration === generation;
  const isReady = current ? (ready?.status ?? "Unknown") : "Unknown";
  const why =
    current && ready ? ready : { reason: "Pending", message: "the spec as it is now is not looked at yet" };
  const own = ports.filter((port) => port.namespace === namespace && port.service === name);
  return {
    namespace,
    name,
    class: driver.spec.class,
    ready: isReady,
    active: condition("Active")?.status ?? "Unknown",
    replicas: driver.status?.replicas ?? 0,
    reason: isReady === "True" ? "" : why.reason,
    message: isReady === "True" ? "" : why.message,
    urls: own.map(({ port }) => `http://127.0.0.1:${port}`),
    createdAt: creationTimestamp,
  };
}

/** `now`: milliseconds since 1970. */
export function driverTable(rows: readonly DriverRow[], now: number): string[] {
  const several = new Set(rows.map(({ namespace }) => namespace)).size > 1;
  const header = ["NAME", "CLASS", "READY", "ACTIVE", "REPLICAS", "AGE", "AT"];
  const cells = rows.map((row) => [
    row.name,
    row.class,
    row.reason && row.ready !== "True" ? `${row.ready} (${row.reason})` : row.ready,
    row.active,
    String(row.replicas),
    age(now - Date.parse(row.createdAt)),
    row.urls.join(" "),
  ]);
  return several
    ? table(
        ["NAMESPACE", ...header],
        cells.map((line, i) => [rows[i]?.namespace ?? "", ...line]),
      )
    : table(header, cells);
}

/** Why drivers are not ready, a line for each. */
export const troubles = (rows: readonly DriverRow[]) =>
  rows
    .filter(({ ready }) => ready !== "True")
    .map(({ name, reason, message }) => `${name}: ${reason}: ${printable(message)}`);

/** As kubectl writes ages: `45s`, `3m`, `5h`, `2d`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}
