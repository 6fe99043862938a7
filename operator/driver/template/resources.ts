import type { DriverSpec, ResourceSpec } from "@vextir/api";
import { CONTAINER } from "../names.ts";
import { isObject, type Json } from "./json.ts";

/**
 * What the driver's container asks for. By resource: what the Driver names of one, as request or limit, comes before what its code says
 * of it, so that no request of one is above the limit of the other.
 */
export function containerResources(spec: DriverSpec, byCode: ResourceSpec = {}): Json {
  const named = Object.keys(spec.resources).length > 0 ? spec.resources : ofTemplate(spec.podTemplate);
  const own = new Set(["requests", "limits"].flatMap((part) => Object.keys(objectOf(named[part]))));
  const merged: Json = { ...named };
  for (const part of ["requests", "limits"] as const) {
    const asked = Object.entries(byCode[part] ?? {}).filter(([resource]) => !own.has(resource));
    if (asked.length > 0) merged[part] = { ...Object.fromEntries(asked), ...objectOf(named[part]) };
  }
  return merged;
}

const objectOf = (value: unknown): Json => (isObject(value) ? value : {});

function ofTemplate(template: unknown): Json {
  const containers = objectOf(objectOf(template)["spec"])["containers"];
  const driver = Array.isArray(containers)
    ? containers.filter(isObject).find(({ name }) => name === CONTAINER)
    : undefined;
  return objectOf(driver?.["resources"]);
}
