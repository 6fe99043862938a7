import type { LimitRange } from "../../kinds.ts";
import { amount } from "../../quantity.ts";
import type { ContainerDemand, PodDemand } from "./pod-demand.ts";

type Item = NonNullable<NonNullable<LimitRange["spec"]>["limits"]>[number];

/** What of a pod a LimitRange of its namespace doesn't allow. */
export function rangeProblem(demand: PodDemand, ranges: readonly LimitRange[]): string | undefined {
  for (const { metadata, spec } of ranges) {
    for (const item of spec?.limits ?? []) {
      const problem = subjectsOf(item, demand)
        .map((subject) => beyond(item, subject))
        .find(Boolean);
      if (problem !== undefined) return `LimitRange ${metadata.name}: ${problem}`;
    }
  }
  return undefined;
}

type Subject = Omit<ContainerDemand, "name"> & { who: string };

function subjectsOf({ type }: Item, { containers, requests, limits }: PodDemand): Subject[] {
  if (type === "Pod") return [{ who: "the pod", requests, limits }];
  if (type !== "Container") return [];
  return containers.map(({ name, ...rest }) => ({ who: `container ${name}`, ...rest }));
}

function beyond({ max = {}, min = {} }: Item, { who, requests, limits }: Subject): string | undefined {
  for (const [name, most] of Object.entries(max))
    if ((limits[name] ?? 0) > (amount(most) ?? 0))
      return `${who} may have ${most} of ${name} at most: lower spec.resources.limits`;
  for (const [name, least] of Object.entries(min))
    if ((requests[name] ?? Number.POSITIVE_INFINITY) < (amount(least) ?? 0))
      return `${who} must ask for ${least} of ${name} at least: raise spec.resources.requests`;
  return undefined;
}
