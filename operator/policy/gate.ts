import { type Driver, DriverSpec } from "@vextir/api";
import type { Cluster } from "../cluster.ts";
import { contentHash } from "../content-hash.ts";
import { KINDS } from "../kinds.ts";
import type { Policies } from "./policies.ts";
import { describeViolations, type Violation } from "./violation.ts";
import { type AppliedPolicy, violations } from "./violations.ts";

export interface Admitted {
  state: "admitted";
  policies: readonly AppliedPolicy[];
}

export type Admission =
  | Admitted
  | {
      state: "refused";
      policies: readonly AppliedPolicy[];
      by: ReadonlySet<string>;
      violations: readonly Violation[];
      refusal: Refusal;
    }
  /** The namespace's labels are not known yet. */
  | { state: "unknown" };

export interface Refusal {
  reason: "PolicyViolation" | "ReservedNamespace";
  message: string;
}

export interface PolicyGateOptions {
  cluster: Cluster;
  policies: Policies;
  releaseImage: string;
  /** The operator's own namespace; absent: there is none (the local mode). */
  reserved?: string;
}

interface Judgement {
  rank: number;
  policies: readonly AppliedPolicy[];
  admission: Admission;
}

/** A policy that changed is another object. */
const areSame = (a: readonly AppliedPolicy[], b: readonly AppliedPolicy[]) =>
  a.length === b.length && a.every((policy, index) => policy === b[index]);

/**
 * Names the policies that a namespace is under: what they have admitted once is fine as long as they are the same. Undefined where
 * there is none.
 */
export const policiesHash = (policies: readonly AppliedPolicy[]) =>
  policies.length === 0 ? undefined : contentHash(policies.map(({ name, spec }) => [name, spec]));

/** Tells whether a Driver may be there at all: by the policies of its namespace, and not beside the operator. */
export class PolicyGate {
  readonly #options: PolicyGateOptions;
  /** By object: callers ask of each driver that they may call. */
  readonly #judged = new WeakMap<Driver, Judgement>();

  constructor(options: PolicyGateOptions) {
    this.#options = options;
  }

  isReserved(namespace: string): boolean {
    return namespace === this.#options.reserved;
  }

  /** Those that the namespace is under; undefined: its labels are not known yet. */
  policies(namespace: string): Promise<readonly AppliedPolicy[] | undefined> {
    return this.#options.policies.of(namespace);
  }

  /** Whether the Drivers of the namespace are counted. */
  async countsDrivers(namespace: string): Promise<boolean> {
    return counts((await this.policies(namespace)) ?? []);
  }

  async admit(driver: Driver): Promise<Admission> {
    const { namespace = "" } = driver.metadata;
    if (this.isReserved(namespace)) return reserved(namespace);
    const policies = await this.#options.policies.of(namespace);
    if (!policies) return { state: "unknown" };
    return this.#judge(driver, policies, () => this.#options.cluster.list(KINDS.Driver, { namespace }));
  }

  /** Of these Drivers of one namespace those that are admitted. */
  async admitted(namespace: string, drivers: readonly Driver[]): Promise<readonly Driver[]> {
    if (this.isReserved(namespace)) return [];
    const policies = await this.#options.policies.of(namespace);
    if (policies?.length === 0) return drivers;
    if (!policies) return [];
    const tenant = await this.#options.cluster.list(KINDS.Driver, { namespace });
    const judged = await Promise.all(
      drivers.map(async (driver) => ({
        driver,
        ...(await this.#judge(driver, policies, async () => tenant)),
      })),
    );
    return judged.filter(({ state }) => state === "admitted").map(({ driver }) => driver);
  }

  async #judge(
    driver: Driver,
    policies: readonly AppliedPolicy[],
    tenant: () => Promise<readonly Driver[]>,
  ): Promise<Admission> {
    if (policies.length === 0) return { state: "admitted", policies };
    const rank = counts(policies) ? rankOf(driver, await tenant()) : 0;
    const known = this.#judged.get(driver);
    if (known && known.rank === rank && areSame(known.policies, policies)) return known.admission;
    const admission = this.#judgeAnew(driver, policies, rank);
    this.#judged.set(driver, { rank, policies, admission });
    return admission;
  }

  #judgeAnew(driver: Driver, policies: readonly AppliedPolicy[], rank: number): Admission {
    const parsed = DriverSpec.safeParse(driver.spec);
    if (!parsed.success) return unreadable(policies);
    const { releaseImage } = this.#options;
    const found = violations({ spec: parsed.data, releaseImage, rank }, policies);
    if (found.length === 0) return { state: "admitted", policies };
    const by = new Set(found.map(({ policy }) => policy));
    const message = describeViolations(found);
    return {
      state: "refused",
      policies,
      by,
      violations: found,
      refusal: { reason: "PolicyViolation", message },
    };
  }
}

const counts = (policies: readonly AppliedPolicy[]) =>
  policies.some(({ spec }) => spec.quotas.drivers !== undefined);

const reserved = (namespace: string): Admission => ({
  state: "refused",
  policies: [],
  by: new Set(),
  violations: [],
  refusal: {
    reason: "ReservedNamespace",
    message: `namespace ${namespace} is the operator's own, where pods could read its keys; put the Driver into another`,
  },
});

/** A spec of another release, of which nobody can say what it grants. */
const unreadable = (policies: readonly AppliedPolicy[]): Admission => ({
  state: "refused",
  policies,
  by: new Set(policies.map(({ name }) => name)),
  violations: [],
  refusal: {
    reason: "PolicyViolation",
    message: `the spec can't be read, so TenantPolicy ${policies.map(({ name }) => name).join(", ")} can't be held against it`,
  },
});

/** How many of the tenant's Drivers are older; those that are being deleted don't count. */
const rankOf = (driver: Driver, tenant: readonly Driver[]) =>
  tenant.filter((other) => !other.metadata.deletionTimestamp && isOlder(other, driver)).length;

/** Times are of whole seconds; within one the name decides. */
function isOlder({ metadata: a }: Driver, { metadata: b }: Driver): boolean {
  const [left = "", right = ""] = [a.creationTimestamp, b.creationTimestamp];
  return left === right ? a.name < b.name : left < right;
}
