import { expect, test } from "@jest/globals";
import { type Condition, DriverSpec } from "@vextir/api";
import { KINDS } from "@vextir/operator/kinds.ts";
import { driverRows, driverTable, troubles } from "./driver-table.ts";
import { ObjectStore } from "./store/object-store.ts";

function storeWith(
  ...drivers: { name: string; namespace?: string; ready?: Partial<Condition> }[]
): ObjectStore {
  const store = new ObjectStore({ now: () => 0 });
  for (const { name, namespace = "default", ready } of drivers) {
    const { apiVersion, kind } = KINDS.Driver;
    const named = { apiVersion, kind, metadata: { name, namespace } };
    store.apply("folder", KINDS.Driver, {
      ...named,
      spec: DriverSpec.parse({ class: "Tool", module: "toolbox" }),
    });
    if (ready) {
      const condition = { type: "Ready", status: "True", reason: "Ready", message: "", ...ready };
      store.applyStatus("operator", KINDS.Driver, {
        ...named,
        status: { replicas: 1, conditions: [condition] },
      });
    }
  }
  return store;
}

test("a driver is ready only for the spec that it has now", () => {
  const rows = driverRows(
    storeWith(
      { name: "current", ready: { observedGeneration: 1 } },
      { name: "edited", ready: { observedGeneration: 0 } },
      {
        name: "failing",
        ready: { status: "False", reason: "CrashLooping", message: "\u001b[2Jboom", observedGeneration: 1 },
      },
      { name: "new" },
    ),
    [],
  );
  expect(rows.map(({ name, ready }) => [name, ready])).toEqual([
    ["current", "True"],
    ["edited", "Unknown"],
    ["failing", "False"],
    ["new", "Unknown"],
  ]);
  expect(troubles(rows)[1]).toBe("failing: CrashLooping: \\x1b[2Jboom");
});

test("as kubectl shows them; namespaces only when there are several", () => {
  const port = { namespace: "default", service: "a", name: "http", wanted: 8080, port: 8081 };
  const one = driverRows(storeWith({ name: "a", ready: { observedGeneration: 1 } }), [port]);
  expect(driverTable(one, 7_200_000)).toEqual([
    "NAME   CLASS   READY   ACTIVE    REPLICAS   AGE   AT",
    "a      Tool    True    Unknown   1          2h    http://127.0.0.1:8081",
  ]);
  const two = driverRows(storeWith({ name: "a" }, { name: "a", namespace: "team" }), [port]);
  expect(driverTable(two, 3_000)).toEqual([
    "NAMESPACE   NAME   CLASS   READY               ACTIVE    REPLICAS   AGE   AT",
    "default     a      Tool    Unknown (Pending)   Unknown   0          3s    http://127.0.0.1:8081",
    "team        a      Tool    Unknown (Pending)   Unknown   0          3s",
  ]);
});
