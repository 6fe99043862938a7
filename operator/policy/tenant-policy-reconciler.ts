import { canonicalJson, type TenantPolicy, type TenantPolicyStatus } from "@vextir/api";
import type { Clock } from "../clock.ts";
import type { Cluster, ObjectKey } from "../cluster.ts";
import { conditions, no, yes } from "../conditions.ts";
import type { ReconcileResult } from "../controller/result.ts";
import { KINDS } from "../kinds.ts";
import type { StatusWriter } from "../status-writer.ts";
import type { AdmissionLedger } from "./admission-ledger.ts";
import { selects } from "./namespace-selector.ts";
import { type Policies, type ReadPolicy, readPolicy } from "./policies.ts";

export interface TenantPolicyReconcilerOptions {
  cluster: Cluster;
  clock: Clock;
  policies: Policies;
  ledger: AdmissionLedger;
  statuses: StatusWriter;
  /** What a Driver of the namespace may have is another: its Drivers look again. */
  changed: (namespace: string) => Promise<void>;
}

/** Between two statuses of a policy that differ in their counts alone. */
const COUNT_MS = 2_000;

/** Lets the Drivers look again that a policy holds for or held for, and tells of them in its status. */
export class TenantPolicyReconciler {
  readonly #options: TenantPolicyReconcilerOptions;
  /** As it was enforced last, by name. */
  readonly #enforced = new Map<string, ReadPolicy>();
  readonly #countAgainAt = new Map<string, number>();

  constructor(options: TenantPolicyReconcilerOptions) {
    this.#options = options;
  }

  async reconcile({ name }: ObjectKey): Promise<ReconcileResult> {
    const policy = await this.#options.cluster.get(KINDS.TenantPolicy, { name });
    const before = this.#enforced.get(name);
    const now = policy && readPolicy(policy);
    if (canonicalJson(before ?? null) !== canonicalJson(now ?? null)) {
      await this.#tellTenants([before, now].filter((version) => version !== undefined));
      if (now) this.#enforced.set(name, now);
      else this.#enforced.delete(name);
      this.#countAgainAt.delete(name);
    }
    return policy && now ? this.#tell(policy, now) : {};
  }

  async #tellTenants(versions: readonly ReadPolicy[]): Promise<void> {
    const { cluster, policies, changed } = this.#options;
    const drivers = await cluster.list(KINDS.Driver);
    const namespaces = new Set(drivers.map(({ metadata }) => metadata.namespace ?? ""));
    for (const namespace of namespaces) {
      const labels = await policies.labels(namespace);
      if (!labels || versions.some(({ spec }) => selects(spec.namespaceSelector, labels)))
        await changed(namespace);
    }
  }

  async #tell(policy: TenantPolicy, { problem }: ReadPolicy): Promise<ReconcileResult> {
    const { clock, statuses, ledger } = this.#options;
    const { name, generation = 0 } = policy.metadata;
    const waitMs = (this.#countAgainAt.get(name) ?? 0) - clock.now();
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    this.#countAgainAt.set(name, clock.now() + COUNT_MS);
    const enforced =
      problem === undefined
        ? yes("Enforced", "the Drivers of the selected namespaces are held to it")
        : no(
            "Invalid",
            `until it is put right, no Driver of the selected namespaces is admitted: ${problem}`,
          );
    const previous = statuses.latest(policy)?.conditions ?? [];
    const status: TenantPolicyStatus = {
      observedGeneration: generation,
      ...ledger.count(name),
      conditions: conditions({ Enforced: enforced }, previous, generation, clock.now()),
    };
    await statuses.write(KINDS.TenantPolicy, policy, status);
    return {};
  }
}
