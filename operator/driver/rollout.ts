import type { Driver, KubeObject } from "@vextir/api";
import { type Cluster, ClusterError, type Kind } from "../cluster.ts";
import { LABELS } from "../labels.ts";
import { WATCHED } from "../watched-kinds.ts";
import type { Deployment } from "../workloads.ts";
import { CHILD_KINDS, type Child } from "./children/children.ts";
import { childNames } from "./names.ts";
import { isLeftOver, isOwn, type Observed } from "./observed.ts";

/** What became of a Driver's objects. */
export type RolloutOutcome =
  | { state: "done"; deployment: Deployment | undefined }
  /** The API server takes them not: the spec is to blame. */
  | { state: "refused"; message: string }
  /** An object of that name belongs to somebody else. */
  | { state: "taken"; message: string }
  /** A quota or a policy forbids them. */
  | { state: "forbidden"; message: string };

/** What pods need before they start. */
const FIRST: readonly string[] = [WATCHED.ServiceAccount.plural, WATCHED.NetworkPolicy.plural];
/** Templates that are kept beside those in use. */
const KEPT_TEMPLATES = 3;

/** Makes the objects be as wanted. @throws ClusterError `Unavailable` and `Conflict`. */
export async function rollOut(
  cluster: Cluster,
  driver: Driver,
  children: readonly Child[],
  observed: Observed,
): Promise<RolloutOutcome> {
  const check = (child: Child) => expectFree(cluster, driver, child, observed);
  const apply = (child: Child) => applyChild(cluster, child, observed);
  try {
    const applied = observed.deployment(driver)
      ? await Promise.all(children.map((child) => check(child).then(() => apply(child))))
      : await create(children, check, apply);
    const deployment = applied.find((object) => object.kind === "Deployment") as Deployment | undefined;
    return { state: "done", deployment };
  } catch (error) {
    if (error instanceof NameTaken) return { state: "taken", message: error.message };
    if (!(error instanceof ClusterError)) throw error;
    if (error.code === "Invalid") return { state: "refused", message: error.message };
    if (error.code === "Forbidden") return { state: "forbidden", message: error.message };
    throw error;
  }
}

/** Nothing is made where a part of it can't be, and pods come last. */
async function create(
  children: readonly Child[],
  check: (child: Child) => Promise<void>,
  apply: (child: Child) => Promise<KubeObject>,
): Promise<KubeObject[]> {
  await Promise.all(children.map(check));
  const first = await Promise.all(children.filter(isFirst).map(apply));
  const rest = await Promise.all(children.filter((child) => !isFirst(child)).map(apply));
  return [...first, ...rest];
}

class NameTaken extends Error {}

const isFirst = ({ kind }: Child) => FIRST.includes(kind.plural);

async function applyChild(
  cluster: Cluster,
  { kind, object }: Child,
  observed: Observed,
): Promise<KubeObject> {
  const live = observed.find(kind, object.metadata.name);
  // Immutable and named after its content: what bears the name is as wanted.
  if (live && kind.plural === WATCHED.ConfigMap.plural) return live;
  return cluster.apply(kind, object);
}

/** Server-side apply would take over whatever bears the name, so what is not there yet is looked up first. */
async function expectFree(cluster: Cluster, driver: Driver, child: Child, observed: Observed): Promise<void> {
  const holder = await holderOfName(cluster, child, observed);
  if (!holder || isOwn(holder, driver)) return;
  const { name, uid = "" } = holder.metadata;
  if (!isLeftOver(holder, driver))
    throw new NameTaken(
      `${child.kind.kind} ${name} is there already and is not this Driver's; rename the Driver or delete it`,
    );
  await cluster.delete(child.kind, keyOf(holder), { uid });
  throw new ClusterError("Conflict", `${child.kind.kind} ${name} of an earlier Driver is being deleted`);
}

async function holderOfName(
  cluster: Cluster,
  { kind, object }: Child,
  observed: Observed,
): Promise<KubeObject | undefined> {
  const live = observed.find(kind, object.metadata.name);
  // A template's name has its hash in it: nobody else comes upon it.
  if (live || kind.plural === WATCHED.ConfigMap.plural) return live;
  const { labels: _labels, metadataOnly: _metadata, keep: _keep, ...anywhere } = kind;
  return cluster.get(anywhere, keyOf(object));
}

function kindOf(object: KubeObject): Kind {
  const kind = CHILD_KINDS.find((candidate) => candidate.kind === object.kind);
  if (!kind) throw new TypeError(`${object.kind} is no kind of a Driver's children`);
  return kind;
}

function keyOf({ metadata }: { metadata: { name: string; namespace?: string } }) {
  return { name: metadata.name, ...(metadata.namespace && { namespace: metadata.namespace }) };
}

/** Hashes of the templates that pods may be made of or run with, and of a few before them. */
export function templatesInUse(driver: Driver, wanted: string, observed: Observed): ReadonlySet<string> {
  const labelled = [observed.deployment(driver), ...observed.pods];
  const used = labelled.map((object) => object?.metadata.labels?.[LABELS.template]);
  const newest = observed
    .configMaps(driver)
    .filter((object) => object.metadata.labels?.[LABELS.part] === "template")
    .sort((a, b) => ((a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? 1 : -1))
    .slice(0, KEPT_TEMPLATES)
    .map((object) => object.metadata.labels?.[LABELS.template]);
  return new Set([wanted, ...used, ...newest].filter((hash): hash is string => hash !== undefined));
}

/** The Driver's own objects that are no longer wanted. */
export function superfluous(
  driver: Driver,
  children: readonly Child[],
  templates: ReadonlySet<string>,
  observed: Observed,
): KubeObject[] {
  const name = driver.metadata.name;
  const wanted = new Set(children.map(({ object }) => `${object.kind}/${object.metadata.name}`));
  wanted.add(`ConfigMap/${childNames.manifests(name)}`);
  for (const hash of templates) wanted.add(`ConfigMap/${childNames.template(name, hash)}`);
  return CHILD_KINDS.flatMap((kind) => observed.list(kind)).filter(
    (object) =>
      isOwn(object, driver) &&
      !object.metadata.deletionTimestamp &&
      !wanted.has(`${object.kind}/${object.metadata.name}`),
  );
}

export async function deleteAll(cluster: Cluster, objects: readonly KubeObject[]): Promise<void> {
  const alive = objects.filter((object) => !object.metadata.deletionTimestamp);
  await Promise.all(
    alive.map((object) => cluster.delete(kindOf(object), keyOf(object), { uid: object.metadata.uid ?? "" })),
  );
}
