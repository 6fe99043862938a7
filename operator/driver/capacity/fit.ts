import type { LimitRange, ResourceQuota } from "../../kinds.ts";
import { amount } from "../../quantity.ts";
import type { PodSpec } from "../../workloads.ts";
import { rangeProblem } from "./limit-ranges.ts";
import { type PodDemand, podDemand } from "./pod-demand.ts";

export interface Shortage {
  reason: "QuotaExceeded" | "LimitRangeViolated";
  message: string;
}

export interface FitInput {
  pod: PodSpec;
  /** Pods that are to be made. */
  more: number;
  quotas: readonly ResourceQuota[];
  ranges: readonly LimitRange[];
}

/** Why the namespace won't take so many pods more; undefined: nothing is known against it. */
export function shortageOf({ pod, more, quotas, ranges }: FitInput): Shortage | undefined {
  if (more <= 0) return undefined;
  const demand = podDemand(pod, ranges);
  const bounded = rangeProblem(demand, ranges);
  if (bounded !== undefined) return { reason: "LimitRangeViolated", message: bounded };
  for (const quota of quotas) {
    if (!isMeant(quota, demand)) continue;
    const problem = quotaProblem(quota, demand, more);
    if (problem !== undefined)
      return { reason: "QuotaExceeded", message: `ResourceQuota ${quota.metadata.name}: ${problem}` };
  }
  return undefined;
}

/** Where a quota bounds one of these, every container must say how much it wants. */
const NAMED = /^(requests\.|limits\.)?(cpu|memory)$/;

function quotaProblem({ spec, status }: ResourceQuota, demand: PodDemand, more: number): string | undefined {
  const hard = status?.hard ?? spec?.hard ?? {};
  for (const [name, most] of Object.entries(hard)) {
    const unnamed = NAMED.test(name) && demand.containers.find((container) => !isNamed(container, name));
    if (unnamed)
      return `it bounds ${name}, so every container must name its own; container ${unnamed.name} has none: set spec.resources`;
    const each = demandFor(demand, name);
    if (each === 0) continue;
    const left = Math.max(0, (amount(most) ?? 0) - (amount(status?.used?.[name] ?? "0") ?? 0));
    // Sums of fractions of cores are no whole numbers.
    const fits = Math.floor(left / each + 1e-9);
    if (fits < more)
      return `${name}: ${told(each, most)} for each pod, ${told(left, most)} of ${most} left: ${few(fits, more)}`;
  }
  return undefined;
}

const few = (fits: number, more: number) =>
  fits === 0 ? "no more pod can start" : `${fits} of ${more} more pods can start`;

function isNamed({ requests, limits }: PodDemand["containers"][number], name: string): boolean {
  const [kind, resource = kind] = name.split(".");
  return (kind === "limits" ? limits : requests)[resource ?? ""] !== undefined;
}

/** How much of what a quota names one pod uses. */
function demandFor({ requests, limits }: PodDemand, name: string): number {
  if (name === "pods" || name === "count/pods") return 1;
  const [kind = "", ...rest] = name.split(".");
  if (kind === "limits") return limits[rest.join(".")] ?? 0;
  if (kind === "requests") return requests[rest.join(".")] ?? 0;
  return ["cpu", "memory", "ephemeral-storage"].includes(name) ? (requests[name] ?? 0) : 0;
}

/** Scopes that a driver's pods are of; those that nobody here knows make a quota mean nothing of them. */
function isMeant({ spec = {} }: ResourceQuota, demand: PodDemand): boolean {
  const { scopes = [], scopeSelector } = spec;
  const exists = scopes.map((scopeName) => ({ scopeName, operator: "Exists", values: [] as string[] }));
  return [...exists, ...(scopeSelector?.matchExpressions ?? [])].every(
    ({ scopeName, operator, values = [] }) => inScope(demand, scopeName, operator, values),
  );
}

function inScope(demand: PodDemand, scope: string, operator: string, values: readonly string[]): boolean {
  const isBestEffort = demand.containers.every(({ requests, limits }) =>
    ["cpu", "memory"].every((name) => !requests[name] && !limits[name]),
  );
  switch (scope) {
    case "NotTerminating":
      return true;
    case "BestEffort":
      return isBestEffort;
    case "NotBestEffort":
      return !isBestEffort;
    case "PriorityClass":
      return ofPriority(demand.priorityClass, operator, values);
    default:
      return false;
  }
}

function ofPriority(name: string | undefined, operator: string, values: readonly string[]): boolean {
  const isIn = name !== undefined && values.includes(name);
  if (operator === "In") return isIn;
  if (operator === "NotIn") return name !== undefined && !isIn;
  return (name !== undefined) === (operator === "Exists");
}

const UNITS = [
  ["Gi", 2 ** 30],
  ["Mi", 2 ** 20],
  ["Ki", 2 ** 10],
] as const;

/** As people write it, in the manner of the other quantity. */
function told(value: number, like: string): string {
  const [unit, size] = UNITS.find(([, size]) => value >= size && value % size === 0) ?? ["", 1];
  if (/[KMGTPE]i?$/.test(like) || value >= 2 ** 10) return `${value / size}${unit}`;
  return Number.isInteger(value) ? String(value) : `${Math.round(value * 1_000)}m`;
}
