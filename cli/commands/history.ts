import { OperatorError } from "../cluster/operator-error.ts";
import { LocalError } from "../local/local-error.ts";
import { ClusterHistory, type KubeconfigOptions } from "../revisions/cluster-history.ts";
import { find, type History } from "../revisions/history.ts";
import { historyTable, revisionYaml } from "../revisions/history-text.ts";
import { localHistory } from "../revisions/local-history.ts";
import { runningState } from "./get.ts";

export interface HistoryOptions extends KubeconfigOptions {
  namespace: string;
  cluster?: boolean;
  state?: string;
  /** Show this one, as YAML. */
  revision?: number;
  output?: string;
}

/** `vextir history <driver>`: text for the screen. @throws LocalError, ClusterError, OperatorError `Refused` */
export async function history(driver: string, options: HistoryOptions): Promise<string> {
  const found = options.cluster
    ? await ofCluster(driver, options)
    : await localHistory(options.state ?? runningState(), options.namespace, driver);
  if (options.revision === undefined)
    return options.output === "json"
      ? JSON.stringify(found.revisions, null, 2)
      : historyTable(found, Date.now()).join("\n");
  const revision = find(found, options.revision);
  if (!("problem" in revision)) return revisionYaml(found.driver, revision).trimEnd();
  if (options.cluster) throw new OperatorError("Refused", revision.problem);
  throw new LocalError("NotFound", revision.problem);
}

async function ofCluster(driver: string, options: HistoryOptions): Promise<History> {
  const cluster = await ClusterHistory.open(options);
  try {
    return await cluster.of(options.namespace, driver);
  } finally {
    cluster.close();
  }
}
