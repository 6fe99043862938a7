import type { LimitRange } from "../../kinds.ts";
import { amount } from "../../quantity.ts";
import type { Container, PodSpec } from "../../workloads.ts";

/** By resource, in units: `cpu` in cores, `memory` in bytes. */
export type Amounts = Readonly<Record<string, number>>;

export interface ContainerDemand {
  name: string;
  requests: Amounts;
  limits: Amounts;
}

/** What a pod asks for, by what the API server fills in for it. */
export interface PodDemand {
  containers: readonly ContainerDemand[];
  requests: Amounts;
  limits: Amounts;
  priorityClass: string | undefined;
}

/** Containers that run one after the other need as much as the largest of them; those that stay, all of theirs. */
export function podDemand(spec: PodSpec, ranges: readonly LimitRange[]): PodDemand {
  const demandOf = (container: Container) => containerDemand(container, ranges);
  const init = spec.initContainers ?? [];
  const staying = [...spec.containers, ...init.filter(isSidecar)].map(demandOf);
  const passing = init.filter((container) => !isSidecar(container)).map(demandOf);
  const sumOf = (part: "requests" | "limits") =>
    [sum(staying.map((one) => one[part])), ...passing.map((one) => one[part])].reduce(largest, {});
  const { priorityClassName } = spec;
  return {
    containers: [...staying, ...passing],
    requests: sumOf("requests"),
    limits: sumOf("limits"),
    priorityClass: typeof priorityClassName === "string" ? priorityClassName : undefined,
  };
}

const isSidecar = (container: Container) => container["restartPolicy"] === "Always";

/** A request that isn't named is the limit; what is named in neither is the namespace's default. */
function containerDemand(
  { name, resources = {} }: Container,
  ranges: readonly LimitRange[],
): ContainerDemand {
  const defaults = ranges
    .flatMap(({ spec }) => spec?.limits ?? [])
    .filter(({ type }) => type === "Container");
  const ownLimits = amounts(resources.limits);
  const limits = { ...merged(defaults.map((range) => amounts(range.default))), ...ownLimits };
  const byDefault = merged(defaults.map((range) => amounts(range.defaultRequest)));
  return { name, limits, requests: { ...byDefault, ...ownLimits, ...amounts(resources.requests) } };
}

/** What can't be read counts as nothing: the API server refuses it by itself. */
function amounts(quantities: Record<string, string> | undefined): Record<string, number> {
  return Object.fromEntries(
    Object.entries(quantities ?? {}).map(([resource, quantity]) => [resource, amount(quantity) ?? 0]),
  );
}

const merged = (list: readonly Amounts[]): Record<string, number> => Object.assign({}, ...list);

function combined(a: Amounts, b: Amounts, combine: (x: number, y: number) => number): Amounts {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries([...names].map((name) => [name, combine(a[name] ?? 0, b[name] ?? 0)]));
}
const largest = (a: Amounts, b: Amounts) => combined(a, b, Math.max);
const sum = (list: readonly Amounts[]) => list.reduce((a, b) => combined(a, b, (x, y) => x + y), {});
