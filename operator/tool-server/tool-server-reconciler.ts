import type { Driver, ToolServer, ToolServerSpec } from "@vextir/api";
import { BusError } from "../bus/authority.ts";
import type { ToolServerReports } from "../bus/tool-server-reports.ts";
import type { Clock } from "../clock.ts";
import { type Applied, type Cluster, ClusterError, type ObjectKey } from "../cluster.ts";
import { type Finding, no, yes } from "../conditions.ts";
import type { ReconcileResult } from "../controller/result.ts";
import { KINDS } from "../kinds.ts";
import type { StatusWriter } from "../status-writer.ts";
import { BRIDGE_DRIVER, bridgeDriver, holds, isOwnedBy } from "./bridge-driver.ts";
import { readToolServer } from "./read-spec.ts";
import { type ToolServerObserved, toolServerStatus } from "./tool-server-status.ts";

export interface ToolServerReconcilerOptions {
  cluster: Cluster;
  reports: ToolServerReports;
  clock: Clock;
  statuses: StatusWriter;
  /** A Driver was made or changed for one: it is looked at. */
  applied: (driver: ObjectKey) => void;
}

/** Until it is asked again how a server does: of one that is well, and of one that is not, or not yet. */
const ASK_MS = { well: 30_000, else: 5_000 };
/** What somebody has to do something about. */
const STUCK_MS = 30_000;
const ACCEPTED = yes("Accepted", "a Driver stands for it");

/** Runs a Driver for each ToolServer, and tells what it says of the server. The Driver goes with its owner. */
export class ToolServerReconciler {
  readonly #options: ToolServerReconcilerOptions;

  constructor(options: ToolServerReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const { cluster } = this.#options;
    const server = await cluster.get(KINDS.ToolServer, key);
    if (!server || server.metadata.deletionTimestamp) return {};
    const read = readToolServer(server);
    if ("problem" in read) return this.#tell(server, no("Invalid", read.problem));
    const there = await cluster.get(KINDS.Driver, key);
    if (there && !isOwnedBy(there, server)) return this.#tell(server, nameTaken(key));
    const driver = await this.#ensure(server, read.spec, there);
    if ("refused" in driver) return this.#tell(server, no("Refused", driver.refused));
    return this.#tell(server, ACCEPTED, { driver, ...(await this.#asked(driver)) });
  }

  /** Written only where something of it is not as it is wanted. */
  async #ensure(
    server: ToolServer,
    spec: ToolServerSpec,
    there: Driver | undefined,
  ): Promise<Driver | { refused: string }> {
    const wanted: Applied<Driver> = bridgeDriver(server, spec);
    if (there && holds(there.spec, wanted["spec"])) return there;
    const { cluster, applied } = this.#options;
    try {
      const driver = await cluster.apply(BRIDGE_DRIVER, wanted);
      const { namespace, name } = driver.metadata;
      applied({ ...(namespace && { namespace }), name });
      return driver;
    } catch (error) {
      if (error instanceof ClusterError && (error.code === "Invalid" || error.code === "Forbidden"))
        return { refused: error.message };
      throw error;
    }
  }

  async #asked({ metadata, status }: Driver): Promise<Pick<ToolServerObserved, "report" | "silence">> {
    const { namespace = "", name, uid = "" } = metadata;
    const isReady = status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
    if (!isReady) return {};
    try {
      return { report: await this.#options.reports.ask({ namespace, name, uid }) };
    } catch (error) {
      if (error instanceof BusError) return { silence: error.message };
      throw error;
    }
  }

  async #tell(
    server: ToolServer,
    accepted: Finding,
    observed: ToolServerObserved = {},
  ): Promise<ReconcileResult> {
    const { statuses, clock } = this.#options;
    const latest = statuses.latest(server);
    const current = latest ? { ...server, status: latest } : server;
    const status = toolServerStatus(current, accepted, observed, clock.now());
    await statuses.write(KINDS.ToolServer, server, status);
    if (accepted.status !== "True") return { requeueAfterMs: STUCK_MS };
    return { requeueAfterMs: observed.report?.state === "Reachable" ? ASK_MS.well : ASK_MS.else };
  }
}

const nameTaken = ({ name }: ObjectKey) =>
  no("NameTaken", `there is a Driver ${name} that is not this ToolServer's: name one of them otherwise`);
