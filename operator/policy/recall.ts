import { type BusAuthority, BusError, type DriverIdentity } from "../bus/authority.ts";
import type { Cluster } from "../cluster.ts";
import { KINDS } from "../kinds.ts";
import type { PolicyGate } from "./gate.ts";

export interface RecallOptions {
  cluster: Cluster;
  gate: PolicyGate;
  bus: Pick<BusAuthority, "removeDriverAccounts">;
}

/**
 * Cuts off all of a namespace's Drivers at once that its policies no longer admit: one by one, behind all that each Driver's own
 * run does, the last of hundreds would go on for seconds. That run takes the rest, and makes up for what failed here.
 */
export class Recall {
  readonly #options: RecallOptions;

  constructor(options: RecallOptions) {
    this.#options = options;
  }

  async of(namespace: string): Promise<void> {
    const { cluster, gate, bus } = this.#options;
    const refused: DriverIdentity[] = [];
    for (const driver of await cluster.list(KINDS.Driver, { namespace })) {
      const { name, uid = "" } = driver.metadata;
      const { state } = await gate.admit(driver);
      if (state === "refused") refused.push({ namespace, name, uid });
    }
    try {
      await bus.removeDriverAccounts(refused);
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
    }
  }
}
