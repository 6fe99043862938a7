import type { Driver } from "@vextir/api";
import { isSameRevision, type RevisedSpec, type Revision } from "./revision.ts";

/**
 * Which revision to go back to: the one of that number, else the newest that is not what the Driver says now. Of a version that is held
 * back this is the one whose pods still serve.
 */
export function chooseRevision(
  { metadata }: Pick<Driver, "metadata">,
  current: RevisedSpec | undefined,
  revisions: readonly Revision[],
  number?: number,
): Revision | { problem: string } {
  const isCurrent = ({ spec }: Revision) => current !== undefined && isSameRevision(spec, current);
  const kept = revisions.map((revision) => revision.number).join(", ") || "none";
  const chosen =
    number === undefined
      ? revisions.findLast((revision) => !isCurrent(revision))
      : revisions.find((revision) => revision.number === number);
  if (!chosen && number !== undefined)
    return { problem: `Driver ${metadata.name} has no revision ${number}; there are: ${kept}` };
  if (!chosen)
    return {
      problem: `no other version of Driver ${metadata.name} has run with every pod ready (kept: ${kept})`,
    };
  if (isCurrent(chosen))
    return { problem: `Driver ${metadata.name} says already what revision ${chosen.number} does` };
  return chosen;
}
