import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { carries, type Entry, entryOf, ObjectCache } from "./object-cache.ts";

const kind = { apiVersion: "v1", kind: "Thing", plural: "things", namespaced: true };

function entry(namespace: string, name: string, labels: Record<string, string>, version = 1): Entry {
  const metadata = { name, namespace, labels, uid: name, resourceVersion: String(version) };
  return entryOf(kind, { apiVersion: "v1", kind: "Thing", metadata });
}

const place = fc.constantFrom("a", "b");
const label = fc.dictionary(fc.constantFrom("driver", "part"), fc.constantFrom("x", "y"));
const step = fc.record({ namespace: place, name: fc.constantFrom("1", "2", "3"), labels: fc.option(label) });

test("lists by namespace and labels are what a look at every object would find", () => {
  fc.assert(
    fc.property(fc.array(step), place, label, (steps, namespace, labels) => {
      const cache = new ObjectCache();
      const plain = new Map<string, Entry>();
      for (const change of steps) {
        cache.list({ namespace, labels });
        const key = `${change.namespace}/${change.name}`;
        if (change.labels) {
          const made = entry(change.namespace, change.name, change.labels);
          cache.put(made);
          plain.set(key, made);
        } else {
          cache.remove(change);
          plain.delete(key);
        }
      }
      const wanted = [...plain.values()]
        .map(({ object }) => object)
        .filter((object) => object.metadata.namespace === namespace && carries(object, labels));
      expect(new Set(cache.list({ namespace, labels }))).toEqual(new Set(wanted));
      expect(cache.size).toBe(plain.size);
    }),
  );
});
