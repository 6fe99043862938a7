import { normalizePatterns, partialOverlaps } from "@vextir/api";
import { BusError, type DriverIdentity } from "./authority.ts";

/**
 * The patterns without those that another one covers.
 *
 * @throws BusError `Invalid` when two overlap and neither covers the other: two imports would deliver such an event
 * twice, and JetStream refuses the consumer.
 */
export function disjointPatterns(
  driver: DriverIdentity,
  field: string,
  patterns: readonly string[],
): string[] {
  const [overlap] = partialOverlaps(patterns);
  if (!overlap) return normalizePatterns(patterns);
  throw new BusError(
    "Invalid",
    `Driver ${driver.namespace}/${driver.name}: ${field}: "${overlap[0]}" and "${overlap[1]}" overlap, but neither covers ` +
      `the other; write a pattern that covers both, or patterns that share no type`,
  );
}
