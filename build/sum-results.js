// Adds up the result files that test/results-reporter.js wrote. Plain JavaScript: it runs on any installed Node.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const [folder] = process.argv.slice(2);
const sum = { passed: 0, failed: 0, skipped: 0 };
for (const file of readdirSync(folder)) {
  const part = JSON.parse(readFileSync(join(folder, file), "utf8"));
  for (const key of Object.keys(sum)) sum[key] += part[key];
}
if (sum.passed === 0) sum.failed ||= 1;
process.stdout.write(
  `${sum.passed} passed, ${sum.failed} failed${sum.skipped ? `, ${sum.skipped} skipped` : ""}\n`,
);
process.exitCode = sum.failed ? 1 : 0;
