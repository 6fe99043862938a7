import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  applyLayer,
  type Json,
  keyedLists,
  type Layer,
  type Layers,
  mergeLayers,
  plainLists,
} from "./layers.ts";

const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    fc.integer(),
    fc.array(fc.integer(), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom("a", "b", "c", "__proto__", "constructor"), tie("tree"), { maxKeys: 3 }),
  ),
}));
const layer = fc.dictionary(fc.constantFrom("a", "b", "c"), tree, { maxKeys: 3 }) as fc.Arbitrary<Layer>;
const steps = fc.array(fc.tuple(fc.constantFrom("operator", "folder", "kubelet"), layer), { maxLength: 8 });

const after = (history: [string, Layer][]) =>
  history.reduce<Layers>((layers, [manager, fields]) => applyLayer(layers, manager, fields), new Map());

/** Path and value of every leaf; empty objects are leaves. */
function leaves(value: Json, path: string[] = []): [string, string][] {
  const inner =
    value !== null && typeof value === "object" && !Array.isArray(value) ? Object.entries(value) : [];
  if (inner.length === 0) return [[JSON.stringify(path), JSON.stringify(value)]];
  return inner.flatMap(([key, part]) => leaves(part, [...path, key]));
}

test("what was applied last is there, whatever others applied before", () => {
  fc.assert(
    fc.property(steps, layer, (history, fields) => {
      const merged = mergeLayers(after([...history, ["operator", fields]]));
      const have = new Map(leaves(merged));
      for (const [path, value] of leaves(fields)) if (value !== "{}") expect(have.get(path)).toBe(value);
    }),
  );
});

test("one manager alone: the object is what it applied last", () => {
  fc.assert(
    fc.property(fc.array(layer, { minLength: 1, maxLength: 5 }), (history) => {
      const merged = mergeLayers(after(history.map((fields) => ["operator", fields])));
      expect(merged).toEqual(history.at(-1));
    }),
  );
});

test("applying the same again changes nothing", () => {
  fc.assert(
    fc.property(steps, layer, (history, fields) => {
      const once = after([...history, ["operator", fields]]);
      expect(mergeLayers(applyLayer(once, "operator", fields))).toEqual(mergeLayers(once));
    }),
  );
});

test("giving up everything leaves what others own", () => {
  fc.assert(
    fc.property(layer, layer, (mine, theirs) => {
      const merged = mergeLayers(
        after([
          ["folder", theirs],
          ["operator", mine],
          ["operator", {}],
        ]),
      );
      const before = new Map(leaves(theirs));
      for (const [path, value] of leaves(merged)) if (value !== "{}") expect(before.get(path)).toBe(value);
    }),
  );
});

test("finalizers and owners are owned entry by entry", () => {
  const owner = { kind: "Driver", uid: "u1", name: "a" };
  const layers = after([
    ["folder", { metadata: keyedLists({ finalizers: ["keep"] }) }],
    ["operator", { metadata: keyedLists({ finalizers: ["account"], ownerReferences: [owner] }) }],
  ]);
  const metadata = (of: Layers) => plainLists(mergeLayers(of)["metadata"] as Layer);
  expect(metadata(layers)).toEqual({ finalizers: ["keep", "account"], ownerReferences: [owner] });
  const released = applyLayer(layers, "operator", { metadata: keyedLists({ finalizers: [] }) });
  expect(metadata(released)).toEqual({ finalizers: ["keep"] });
});
