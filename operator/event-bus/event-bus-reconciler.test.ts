import { expect, test } from "@jest/globals";
import { API_VERSION, DriverSpec, type EventBus } from "@vextir/api";
import type { BusAuthority, TenantBus } from "../bus/authority.ts";
import type { Cluster } from "../cluster.ts";
import type { PolicyGate } from "../policy/gate.ts";
import type { Release } from "../release.ts";
import type { StatusWriter } from "../status-writer.ts";
import { EventBusReconciler } from "./event-bus-reconciler.ts";
import { Tenants } from "./tenants.ts";

test("the bus of a namespace's first Driver is made in one run: nobody calls for another", async () => {
  const driver = {
    ...{ apiVersion: API_VERSION, kind: "Driver", metadata: { namespace: "team", name: "first" } },
    spec: DriverSpec.parse({ class: "Agent", module: "assistant" }),
  };
  const made: TenantBus[] = [];
  const changed: string[] = [];
  const written: unknown[] = [];
  const tenants = new Tenants();
  const reconciler = new EventBusReconciler({
    // The cache has not heard of what was applied, and its news of it are an echo.
    cluster: {
      get: async () => undefined,
      list: async () => [driver],
      apply: async (_kind: unknown, object: EventBus) => ({
        ...object,
        metadata: { ...object.metadata, uid: "of-the-bus", generation: 1 },
      }),
    } as unknown as Cluster,
    bus: { ensureTenant: async (tenant: TenantBus) => void made.push(tenant) } as unknown as BusAuthority,
    gate: { isReserved: () => false, policies: async () => [] } as unknown as PolicyGate,
    statuses: {
      latest: () => undefined,
      write: async (_kind: unknown, _bus: unknown, status: unknown) => void written.push(status),
    } as unknown as StatusWriter,
    ...{ release: { bus: {} } as Release, clock: { now: () => 0 }, tenants },
    changed: (namespace) => void changed.push(namespace),
  });
  await reconciler.reconcile({ namespace: "team", name: "default" });
  expect(made).toEqual([expect.objectContaining({ namespace: "team", uid: "of-the-bus" })]);
  expect(tenants.get("team")?.outcome.state).toBe("ready");
  expect(changed).toEqual(["team"]);
  expect(written).toHaveLength(1);
});
