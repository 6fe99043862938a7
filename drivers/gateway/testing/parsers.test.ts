import { expect, test } from "@jest/globals";
import { fuzz, parsers } from "./parsers.ts";

/** Inputs of all parsers together; more of them by VEXTIR_FUZZ_RUNS. */
const RUNS = Number(process.env["VEXTIR_FUZZ_RUNS"] ?? 7_000);
const names = Object.keys(parsers);
const each = Math.ceil(RUNS / names.length);

test.each(names)(
  "the parser %s takes or refuses whatever comes",
  (name) => {
    const { taken, refused } = fuzz(name, each);
    expect(taken + refused).toBe(each);
    expect(taken).toBeGreaterThan(0);
  },
  600_000,
);
