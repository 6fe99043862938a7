import { canonicalJson, type Driver, DriverSpec } from "@vextir/api";
import { type Applied, ownerOf } from "../../cluster.ts";
import { contentHash } from "../../content-hash.ts";
import type { ControllerRevision } from "../../kinds.ts";
import { KINDS } from "../../kinds.ts";
import { driverLabels } from "../names.ts";
import { isOwn } from "../observed.ts";

/** How many pods there are is no version of a driver, as with Deployments; nor is how many versions are kept. */
const UNREVISED = ["replicas", "scaling", "revisionHistoryLimit"] as const;
type Unrevised = (typeof UNREVISED)[number];

/** What a revision holds of a spec, with its defaults. */
export type RevisedSpec = Omit<DriverSpec, Unrevised>;

/** Why it was changed, as kubectl knows it: copied from the Driver. */
export const CAUSE_ANNOTATION = "kubernetes.io/change-cause";

/** A version that ran. */
export interface Revision {
  /** Of the ControllerRevision. */
  name: string;
  /** Counts up: the highest ran last. */
  number: number;
  /** RFC 3339; of its first run. */
  createdAt: string;
  cause?: string;
  spec: RevisedSpec;
}

export function revisedSpec(spec: DriverSpec): RevisedSpec {
  const { replicas: _replicas, scaling: _scaling, revisionHistoryLimit: _limit, ...revised } = spec;
  return revised;
}

/** The Driver's spec with what a revision holds: how many pods there are stays as it is. */
export function restoredSpec(current: DriverSpec, { spec }: Pick<Revision, "spec">): DriverSpec {
  const kept = UNREVISED.flatMap((field) => (current[field] === undefined ? [] : [[field, current[field]]]));
  return { ...spec, ...Object.fromEntries(kept) } as DriverSpec;
}

/** Whether both say the same of what runs. */
export const isSameRevision = (a: RevisedSpec, b: RevisedSpec) => canonicalJson(a) === canonicalJson(b);

/** Of this very Driver: a namesake after it has others. */
export const revisionName = ({ metadata }: Driver, spec: RevisedSpec) =>
  `${metadata.name}-${contentHash([metadata.uid, spec]).slice(0, 10)}`;

export function revisionObject(
  driver: Driver,
  { name, number, cause, spec }: Omit<Revision, "createdAt">,
): Applied<ControllerRevision> {
  const { apiVersion, kind } = KINDS.ControllerRevision;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(driver.metadata.namespace && { namespace: driver.metadata.namespace }),
      labels: driverLabels(driver.metadata.name),
      ...(cause !== undefined && { annotations: { [CAUSE_ANNOTATION]: cause } }),
      ownerReferences: [ownerOf(driver)],
    },
    revision: number,
    data: { spec },
  };
}

/** The Driver's own among what bears its label, oldest first. What can't be read any more is left out. */
export function revisionsOf(driver: Driver, objects: readonly ControllerRevision[]): Revision[] {
  return objects
    .filter((object) => isOwn(object, driver))
    .flatMap(readRevision)
    .sort((a, b) => a.number - b.number);
}

function readRevision({ metadata, revision, data }: ControllerRevision): Revision[] {
  const spec = DriverSpec.safeParse((data as { spec?: unknown } | undefined)?.spec);
  if (!spec.success) return [];
  const cause = metadata.annotations?.[CAUSE_ANNOTATION];
  return [
    {
      name: metadata.name,
      number: revision,
      createdAt: metadata.creationTimestamp ?? "",
      ...(cause !== undefined && { cause }),
      spec: revisedSpec(spec.data),
    },
  ];
}
