import { type TenantPolicy, TenantPolicySpec } from "@vextir/api";
import type { Cluster } from "../cluster.ts";
import { KINDS } from "../kinds.ts";
import { WATCHED } from "../watched-kinds.ts";
import { type Labels, NAME_LABEL, selects } from "./namespace-selector.ts";
import type { AppliedPolicy } from "./violations.ts";

/** A policy as it is enforced. */
export interface ReadPolicy extends AppliedPolicy {
  /** What is wrong with it: then it lets no Driver pass of the namespaces that it may mean. */
  problem?: string;
}

const NOTHING = TenantPolicySpec.parse({ classes: [] });

/** What can't be read, since another release wrote it, allows nothing, and that everywhere: its selector can't be trusted either. */
export function readPolicy({ metadata, spec }: TenantPolicy): ReadPolicy {
  const { name } = metadata;
  const parsed = TenantPolicySpec.safeParse(spec ?? {});
  if (parsed.success) return { name, spec: parsed.data };
  const problem = parsed.error.issues.map(
    ({ path, message }) => `${["spec", ...path].join(".")}: ${message}`,
  );
  return { name, spec: NOTHING, problem: problem.slice(0, 5).join("; ") };
}

/** The policies that there are, and the labels by which they select namespaces; both from the cluster's caches. */
export class Policies {
  readonly #cluster: Cluster;
  /** By object: a change brings another one. */
  readonly #read = new WeakMap<TenantPolicy, ReadPolicy>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Those that select the namespace, by name; undefined: the namespace's labels are not known yet. */
  async of(namespace: string): Promise<ReadPolicy[] | undefined> {
    const policies = await this.#cluster.list(KINDS.TenantPolicy);
    if (policies.length === 0) return [];
    const labels = await this.labels(namespace);
    if (!labels) return undefined;
    return policies
      .map((policy) => this.#readOnce(policy))
      .filter(({ spec }) => selects(spec.namespaceSelector, labels))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async labels(namespace: string): Promise<Labels | undefined> {
    const found = await this.#cluster.get(WATCHED.Namespace, { name: namespace });
    return found && { ...found.metadata.labels, [NAME_LABEL]: namespace };
  }

  #readOnce(policy: TenantPolicy): ReadPolicy {
    const known = this.#read.get(policy) ?? readPolicy(policy);
    this.#read.set(policy, known);
    return known;
  }
}
