import type { TenantView } from "@vextir/operator/bus/index.ts";
import type { Colors } from "picocolors/types.js";
import { z } from "zod";
import { printable, table } from "../../local/output/text.ts";

const Attempt = z.looseObject({
  attempt: z.string(),
  target: z.string(),
  outcome: z.string(),
  refused: z.boolean(),
  error: z.string().optional(),
});
export type Attempt = z.infer<typeof Attempt>;

/** What the intruder says of itself; that nothing changed is seen from outside. */
export const IntrusionReport = z.object({ attempts: z.array(Attempt).min(1) });

/** How an attempt may end: with the server's error, with nothing to hear, or with an answer that the server was asked to send elsewhere. */
const FAILED: Record<string, (attempt: Attempt) => string> = {
  refused: ({ error }) => error ?? "refused",
  silent: () => "heard nothing",
  sent: () => "nothing arrived there",
};

/** Whether an attempt may have got somewhere: everything but a known way to fail. */
export const succeeded = ({ outcome, refused }: Attempt) =>
  !Object.hasOwn(FAILED, outcome) || refused !== (outcome === "refused");

/**
 * A line for each attempt; attempts of one kind that ended alike, or were many, share one. `columns`: of the terminal; a narrow one
 * is spared the subjects.
 */
export function attemptTable(attempts: readonly Attempt[], { bold, dim }: Colors, columns: number): string[] {
  const wide = columns >= WIDE;
  const groups = new Map<string, { attempt: string; targets: string[]; result: string }>();
  for (const attempt of attempts) {
    const result = resultOf(attempt);
    const key = JSON.stringify([attempt.attempt, result]);
    const group = groups.get(key) ?? { attempt: attempt.attempt, targets: [], result };
    group.targets.push(attempt.target);
    groups.set(key, group);
  }
  const rows = [...groups.values()].map(({ attempt, targets, result }) => {
    const cells = wide ? [attempt, targetsOf(targets), result] : [attempt, result];
    return cells.map((cell) => short(printable(cell)));
  });
  const titles = wide ? ["IT TRIED TO", "ON", "WHAT CAME OF IT"] : ["IT TRIED TO", "WHAT CAME OF IT"];
  const [header = "", ...lines] = table(titles, rows);
  return [bold(header), ...lines.map((line) => dim(line))];
}

const WIDE = 140;
const MAX_CELL = 50;

/** The server names the subject in its error, which stands beside it already. */
const resultOf = (attempt: Attempt) =>
  succeeded(attempt)
    ? attempt.outcome.toUpperCase()
    : (FAILED[attempt.outcome]?.(attempt) ?? "").replace(`: '${attempt.target}'`, "");
const short = (text: string) => (text.length > MAX_CELL ? `${text.slice(0, MAX_CELL - 1)}…` : text);
const targetsOf = (targets: readonly string[]) =>
  targets.length > 1 ? `${targets.length} subjects` : (targets[0] ?? "");

/**
 * What the two drivers of this act are granted to do: the request, the report, and the intruder's own bucket. What drivers have
 * handled before is told of when they get to it; that the intruder may not tell for others is one of its attempts.
 */
const GRANTED = [
  /^subject EVENTS evt\.gateway\.\d+\.demo\.intrusion\.requested$/,
  /^subject EVENTS evt\.intruder\.\d+\.demo\.intrusion\.reported$/,
  /^subject KV_intruder \$KV\.intruder\./,
  /^subject HANDLINGS run\./,
];

/** What is different on the bus and was nobody's to change. */
export function changesByIntrusion(before: TenantView, after: TenantView): string[] {
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys]
    .filter((key) => before.get(key) !== after.get(key) && !GRANTED.some((granted) => granted.test(key)))
    .map((key) => `${key}: ${before.get(key) ?? "absent"} -> ${after.get(key) ?? "absent"}`);
}
