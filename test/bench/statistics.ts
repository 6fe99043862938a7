export const quantile = (values: readonly number[], q: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
};

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** What one round of publish -> handler -> ack measured. */
export interface Round {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

export interface Row {
  what: string;
  baseline: string;
  measured: string;
  /** Measured over baseline, or the difference; what the aim speaks of. */
  compared: string;
  aim: string;
}

export function printTable(title: string, rows: readonly Row[]): void {
  const columns = ["what", "baseline", "measured", "compared", "aim"] as const;
  const widths = columns.map((c) => Math.max(c.length, ...rows.map((row) => row[c].length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  process.stdout.write(`\n${title}\n${line(columns)}\n`);
  for (const row of rows) process.stdout.write(`${line(columns.map((c) => row[c]))}\n`);
}
