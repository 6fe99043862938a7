import { canonicalJson, type EventBusSpec } from "@vextir/api";
import type { BusOutcome } from "../driver/bus-access.ts";

/** How far a tenant's bus is, as this process has seen it. */
export interface Tenant {
  outcome: BusOutcome;
  spec: EventBusSpec;
}

/**
 * What became of each tenant's bus. The drivers' reconciler looks here: the EventBus object's status may tell of an earlier run of
 * the operator, and the bus authority wants its tenants before their drivers.
 */
export class Tenants {
  readonly #tenants = new Map<string, Tenant>();

  get(namespace: string): Tenant | undefined {
    return this.#tenants.get(namespace);
  }

  /** @returns whether drivers should look again. */
  set(namespace: string, tenant: Tenant): boolean {
    const before = this.#tenants.get(namespace);
    this.#tenants.set(namespace, tenant);
    return (
      before?.outcome.state !== tenant.outcome.state ||
      before.spec.maxEventBytes !== tenant.spec.maxEventBytes ||
      before.spec.state.maxBytes !== tenant.spec.state.maxBytes ||
      canonicalJson(before.spec.imports) !== canonicalJson(tenant.spec.imports)
    );
  }

  delete(namespace: string): boolean {
    return this.#tenants.delete(namespace);
  }
}
