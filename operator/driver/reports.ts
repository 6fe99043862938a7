import type { ManifestReport, ManifestVerdict } from "@vextir/api";

/** Answers a pod's report of its manifest. Never rejects. */
export type ReportHandler = (
  namespace: string,
  driver: string,
  report: ManifestReport,
) => Promise<ManifestVerdict>;

/** Where reports come from: the bus (`report.<namespace>.<driver>` in the operator's own account). */
export interface ReportSource {
  /** Hands reports to `handler` until stopped, over every reconnection of the bus. */
  serve(handler: ReportHandler): Promise<{ stop(): Promise<void> }>;
}
