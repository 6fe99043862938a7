/** Unit tests stand beside the source; tests that span packages stand in test/. The disposable cluster has its own config. */
export default {
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      {
        jsc: {
          parser: { syntax: "typescript", decorators: true },
          transform: { decoratorVersion: "2022-03" },
          target: "es2022",
          experimental: { keepImportAttributes: true },
        },
      },
    ],
  },
  setupFiles: ["<rootDir>/test/setup.ts"],
  testMatch: ["**/*.test.ts"],
  testPathIgnorePatterns: ["/node_modules/", "/dist/", "<rootDir>/test/e2e/", "<rootDir>/test/bench/"],
  modulePathIgnorePatterns: ["<rootDir>/dist/"],
  maxWorkers: 2,
  testTimeout: 240_000,
  reporters: ["default", "<rootDir>/test/results-reporter.js"],
};
