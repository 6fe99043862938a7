// V8 does not define Symbol.metadata yet; esbuild, swc and tsc all fall back to this registered symbol.
(Symbol as { metadata?: symbol }).metadata ??= Symbol.for("Symbol.metadata");

/** The key under which a class carries what its decorators wrote. */
export const METADATA: symbol = Symbol.metadata;
