/** The chart on a real cluster; `test/e2e/run` gives it one. One worker: the scenarios share one installation. */
import base from "../../jest.config.js";

export default {
  ...base,
  rootDir: "../..",
  testMatch: ["<rootDir>/test/e2e/*.test.ts"],
  testPathIgnorePatterns: ["/node_modules/", "/dist/"],
  maxWorkers: 1,
  bail: 1,
  testTimeout: 300_000,
};
