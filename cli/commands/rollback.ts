import { OperatorError } from "../cluster/operator-error.ts";
import { LocalError } from "../local/local-error.ts";
import { ClusterHistory, type KubeconfigOptions } from "../revisions/cluster-history.ts";
import { choose } from "../revisions/history.ts";
import { remark, revisionYaml } from "../revisions/history-text.ts";
import { localHistory } from "../revisions/local-history.ts";
import { runningState } from "./get.ts";

export interface RollbackOptions extends KubeconfigOptions {
  namespace: string;
  /** Default: the newest that is not what the Driver says now. */
  toRevision?: number;
  /** Ask the API server whether it would be done, and do nothing. */
  dryRun?: boolean;
}

/** What is said of it beside the result. */
type Tell = (note: string) => void;

/** `vextir rollback <driver>` in a cluster, with the rights of the kubeconfig's user. @throws ClusterError, OperatorError `Refused` */
export async function rollbackCluster(
  name: string,
  options: RollbackOptions,
  tell: Tell = () => {},
): Promise<string> {
  const cluster = await ClusterHistory.open(options);
  try {
    const found = await cluster.of(options.namespace, name);
    const revision = choose(found, options.toRevision);
    if ("problem" in revision) throw new OperatorError("Refused", revision.problem);
    await cluster.restore(found, revision, options.dryRun);
    const note = remark(revision);
    if (note) tell(note);
    if (options.dryRun) return `driver ${name}: revision ${revision.number} would be put back`;
    tell("whoever applies the file of before again brings its version back: change it there too");
    return `driver ${name}: revision ${revision.number} is put back`;
  } finally {
    cluster.close();
  }
}

/**
 * `vextir rollback <driver>` of a local mode, whose folder says what is wanted: the YAML to put there, since nobody but its author
 * writes in it. @throws LocalError
 */
export async function rollbackLocal(
  name: string,
  options: RollbackOptions & { state?: string },
  tell: Tell = () => {},
): Promise<string> {
  const found = await localHistory(options.state ?? runningState(), options.namespace, name);
  const revision = choose(found, options.toRevision);
  if ("problem" in revision) throw new LocalError("NotFound", revision.problem);
  const note = remark(revision);
  if (note) tell(note);
  tell(
    `revision ${revision.number} of ${name}: put this in the folder, which says what runs; nothing is changed yet`,
  );
  return revisionYaml(found.driver, revision).trimEnd();
}
