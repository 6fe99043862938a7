import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A jest reporter that leaves the counts of a run in the folder VEXTIR_TEST_RESULTS, for the sum over several runs. */
export default class ResultsReporter {
  onRunComplete(_contexts, results) {
    const folder = process.env.VEXTIR_TEST_RESULTS;
    if (!folder) return;
    mkdirSync(folder, { recursive: true });
    // A test file that could not run at all has no tests to count, and is a failure all the same.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const counts = { passed: results.numPassedTests, failed, skipped: results.numPendingTests };
    writeFileSync(join(folder, `${process.pid}.json`), JSON.stringify(counts));
  }
}
