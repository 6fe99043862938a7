import { CONTAINER } from "../../driver/names.ts";
import { type Excess, listed } from "../violation.ts";
import { isObject, type Json, objectsIn } from "./json.ts";

const nameOf = ({ name }: Json) => (typeof name === "string" ? name : "?");
const specOf = (podTemplate: unknown): Json =>
  isObject(podTemplate) && isObject(podTemplate["spec"]) ? podTemplate["spec"] : {};

export interface NamedContainer {
  /** Within podTemplate: `spec.initContainers[fetch]`. */
  path: string;
  container: Json;
}

/** Every container of a podTemplate, the driver's own among them. */
export function containersOf(podTemplate: unknown): NamedContainer[] {
  const spec = specOf(podTemplate);
  return ["containers", "initContainers"].flatMap((list) =>
    objectsIn(spec[list]).map((container) => ({ path: `spec.${list}[${nameOf(container)}]`, container })),
  );
}

export const volumesOf = (podTemplate: unknown): Json[] => objectsIn(specOf(podTemplate)["volumes"]);

/** Those that run beside the driver's. */
export const sideContainers = (podTemplate: unknown): NamedContainer[] =>
  containersOf(podTemplate).filter(({ container }) => container["name"] !== CONTAINER);

/** Lists whose entries are addressed by name: the name alone sets nothing. */
const ADDRESSED = new Set(["spec.containers", "spec.initContainers", "spec.volumes"]);
/** Deeper than any field of a pod; what lies below counts as its parent. */
const MAX_DEPTH = 32;

/** Fields that a podTemplate sets, as the parts of their paths; entries of a list are not told apart. */
function leavesOf(value: unknown, path: readonly string[] = [], depth = 0): string[][] {
  const below = depth < MAX_DEPTH ? membersOf(value, path) : [];
  const leaves = below.flatMap(([part, at]) => leavesOf(part, at, depth + 1));
  return leaves.length > 0 ? leaves : [[...path]];
}

function membersOf(value: unknown, path: readonly string[]): [unknown, readonly string[]][] {
  if (isObject(value)) return Object.entries(value).map(([key, part]) => [part, [...path, key]]);
  if (!Array.isArray(value)) return [];
  const isAddressed = ADDRESSED.has(path.join("."));
  return value.map((entry) => [isAddressed && isObject(entry) ? withoutName(entry) : entry, path]);
}

const withoutName = ({ name: _, ...rest }: Json) => rest;

export function podTemplateExcess(podTemplate: unknown, bound: readonly string[] | undefined): Excess[] {
  if (!bound || podTemplate === undefined) return [];
  const allowed = bound.map((path) => path.split("."));
  const beyond = leavesOf(podTemplate)
    .filter((leaf) => leaf.length > 0)
    .filter((leaf) => !allowed.some((path) => path.every((part, index) => leaf[index] === part)))
    .map((leaf) => leaf.join("."));
  return [...new Set(beyond)].map((value) => ({
    field: "spec.podTemplate",
    value,
    rule: "podTemplate",
    allowed: listed(bound),
  }));
}
