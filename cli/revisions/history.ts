import type { Driver } from "@vextir/api";
import { readSpec } from "@vextir/operator/driver/review.ts";
import { chooseRevision } from "@vextir/operator/driver/revisions/choice.ts";
import { type RevisedSpec, type Revision, revisedSpec } from "@vextir/operator/driver/revisions/revision.ts";

/** A Driver and the versions of it that ran, oldest first. */
export interface History {
  driver: Driver;
  revisions: readonly Revision[];
}

/** What the Driver says now; undefined: nothing that this release can read. */
export function says({ driver }: Pick<History, "driver">): RevisedSpec | undefined {
  const read = readSpec(driver);
  return "spec" in read ? revisedSpec(read.spec) : undefined;
}

/** The one to go back to, or why there is none. */
export function choose(history: History, number?: number): Revision | { problem: string } {
  return chooseRevision(history.driver, says(history), history.revisions, number);
}

/** The one of this number, or that there is none. */
export function find({ driver, revisions }: History, number: number): Revision | { problem: string } {
  const found = revisions.find((revision) => revision.number === number);
  const kept = revisions.map((revision) => revision.number).join(", ") || "none";
  return found ?? { problem: `Driver ${driver.metadata.name} has no revision ${number}; there are: ${kept}` };
}
