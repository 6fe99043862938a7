import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { ManifestReport, type ManifestVerdict, subjects } from "@vextir/api";
import { BusConnection, type BusEndpoint, type BusLog } from "./bus-connection.ts";
import type { Realm } from "./realm.ts";

export interface ReportListenerOptions extends BusEndpoint {
  realm: Realm;
  /** Namespace and driver are those of the account that reports: no driver can report for another. */
  onReport: (namespace: string, driver: string, report: ManifestReport) => Promise<ManifestVerdict>;
  log: BusLog;
}

export interface ReportListener {
  ready(timeoutMs?: number): Promise<void>;
  stop(): Promise<void>;
}

const MAX_REPORT_BYTES = 524_288;
const MAX_PENDING = 64;

/** Hears the drivers' reports of their manifests; only the leader, who decides on them, starts one. */
export function startReportListener(options: ReportListenerOptions): ReportListener {
  const reports = new Reports(options);
  const connection = new BusConnection({
    endpoint: options,
    name: "vextir-reports",
    user: options.realm.reportUser,
    log: options.log,
    opened: (opened) => reports.serve(opened),
  });
  return {
    ready: async (timeoutMs = 10_000) => {
      await (await connection.get(timeoutMs)).flush();
    },
    stop: () => connection.stop(),
  };
}

class Reports {
  readonly #options: ReportListenerOptions;
  #pending = 0;

  constructor(options: ReportListenerOptions) {
    this.#options = options;
  }

  serve(connection: NatsConnection) {
    connection.subscribe(subjects.reportOf("*", "*"), {
      callback: (error, message) => {
        if (!error)
          void this.handle(message).catch((err) => this.#options.log.warn({ err }, "report not answered"));
      },
    });
  }

  private async handle(message: Msg): Promise<void> {
    const [, namespace = "", driver = ""] = message.subject.split(".");
    const verdict = await this.verdict(namespace, driver, message.data);
    if (!verdict.accepted) this.#options.log.warn({ namespace, driver, ...verdict }, "manifest refused");
    message.respond(JSON.stringify(verdict));
  }

  private async verdict(namespace: string, driver: string, body: Uint8Array): Promise<ManifestVerdict> {
    if (this.#pending >= MAX_PENDING) return refused("Overloaded", "the operator is busy; ask again");
    const report = readReport(body);
    if (typeof report === "string") return refused("InvalidReport", report);
    this.#pending++;
    try {
      return await this.#options.onReport(namespace, driver, report);
    } catch (err) {
      this.#options.log.warn({ namespace, driver, err }, "a manifest could not be judged");
      return refused("Unavailable", "the operator could not decide; ask again");
    } finally {
      this.#pending--;
    }
  }
}

/** The report, or what is wrong with it. */
function readReport(body: Uint8Array): ManifestReport | string {
  if (body.length > MAX_REPORT_BYTES)
    return `a report has at most ${MAX_REPORT_BYTES} bytes, not ${body.length}`;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return "a report is JSON";
  }
  const report = ManifestReport.safeParse(value);
  if (report.success) return report.data;
  const issues = report.error.issues.slice(0, 5).map(({ path, message }) => `${path.join(".")}: ${message}`);
  return issues.join("; ").slice(0, 1_000);
}

const refused = (reason: string, message: string): ManifestVerdict => ({ accepted: false, reason, message });
