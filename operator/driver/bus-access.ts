import type { Driver, DriverSpec } from "@vextir/api";
import { type AccountQuotas, type BusAuthority, BusError, type DriverAccess } from "../bus/authority.ts";

/** How far the driver's account, consumers and bucket are. */
export type BusOutcome =
  /** `heldBack`: why it may publish nothing for a while. */
  | { state: "ready"; heldBack?: string }
  /** The tenant's bus comes first. */
  | { state: "waiting"; message: string }
  /** The bus doesn't answer: try again. */
  | { state: "unavailable"; message: string }
  | { state: "refused"; message: string }
  /** The spec can't be expressed on the bus. */
  | { state: "invalid"; message: string };

/** Gives the driver what its spec grants on the bus, and takes away the rest. */
export async function ensureBusAccess(
  bus: BusAuthority,
  driver: Driver,
  spec: DriverSpec,
  others: Pick<DriverAccess, "peers" | "shared">,
  { quotas, heldBack }: { quotas: AccountQuotas; heldBack: string | undefined },
): Promise<BusOutcome> {
  const { name, namespace = "", uid = "" } = driver.metadata;
  const { subscriptions, capabilities } = spec;
  const access = { namespace, name, uid, subscriptions, capabilities, ...others, quotas };
  const publishHeldBack = heldBack !== undefined;
  const outcome = await outcomeOf(() => bus.ensureDriver({ ...access, publishHeldBack }));
  return outcome.state === "ready" && heldBack !== undefined ? { ...outcome, heldBack } : outcome;
}

/** @throws what is no BusError. */
export async function outcomeOf(work: () => Promise<void>): Promise<BusOutcome> {
  try {
    await work();
    return { state: "ready" };
  } catch (error) {
    if (!(error instanceof BusError)) throw error;
    const state = ({ Unavailable: "unavailable", Refused: "refused", Invalid: "invalid" } as const)[
      error.code
    ];
    return { state, message: error.message };
  }
}
