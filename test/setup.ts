// Standard decorators write their metadata under this symbol, which V8 does not define yet.
(Symbol as { metadata?: symbol }).metadata ??= Symbol.for("Symbol.metadata");
