import type { BuildOptions, Plugin } from "esbuild";

/** zod's messages in fifty languages are 300 KB that every driver's process would load; English is the one in use. */
const englishOnly: Plugin = {
  name: "english-only",
  setup({ onLoad }) {
    const contents = 'export { default as en } from "./en.js";';
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({ contents }));
  },
};

/** How everything that runs is bundled; benchmarks bundle what they measure in the same way. */
export const BUNDLE: BuildOptions = {
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node24",
  keepNames: true,
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: "linked",
  sourcesContent: false,
  // What is imported on demand (client-node: 37 MiB once loaded) stays in a file of its own.
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  logLevel: "warning",
  plugins: [englishOnly],
  logOverride: { "empty-import-meta": "silent" },
  // CommonJS packages inside an ES module still call require for Node's own modules.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
};
