import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { methodNames } from "./offered-names.ts";

test.each([
  { reason: "names that are methods' names are kept", names: ["get-sum", "a_b"], want: ["get-sum", "a_b"] },
  { reason: "what is none becomes one", names: ["a.b/c"], want: ["a_b_c"] },
  { reason: "none begins with _, which are the runtime's", names: ["_about", "__x"], want: ["about", "x"] },
])("$reason", ({ names, want }) => {
  expect([...methodNames(names).values()]).toEqual(want);
});

test("whatever tools are called, each has a method's name of its own, the same whatever their order", () => {
  const name = fc.oneof(
    fc.string({ minLength: 1, maxLength: 80 }),
    fc.constantFrom("a.b", "a/b", "a_b", "_a_b", "_", "__", "é"),
  );
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 20 }), (names) => {
      const methods = methodNames(names);
      expect(new Set(methods.values()).size).toBe(names.length);
      for (const method of methods.values()) expect(method).toMatch(/^[A-Za-z0-9-][A-Za-z0-9_-]{0,59}$/);
      expect(new Map(methodNames(names.toReversed()))).toEqual(methods);
    }),
  );
});
