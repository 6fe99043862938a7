import type { DriverSpec } from "@vextir/api";
import { podSelector } from "../names.ts";
import { isObject, type Json } from "./json.ts";

const PLACES = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"];

/**
 * Pods of one template are spread over nodes and zones as far as there is room; a podTemplate that says something of it, an empty list
 * too, decides instead. It is said of single pods as well, on which it has no effect: one more must not make the first one anew.
 */
export function spread(driver: string, { podTemplate }: DriverSpec): Json {
  const wish = isObject(podTemplate) && isObject(podTemplate["spec"]) ? podTemplate["spec"] : {};
  if (Array.isArray(wish["topologySpreadConstraints"])) return {};
  const topologySpreadConstraints = PLACES.map((topologyKey) => ({
    ...{ maxSkew: 1, topologyKey, whenUnsatisfiable: "ScheduleAnyway" },
    labelSelector: { matchLabels: podSelector(driver) },
    matchLabelKeys: ["pod-template-hash"],
  }));
  return { topologySpreadConstraints };
}
