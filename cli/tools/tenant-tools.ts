import type { ToolCallResult, ToolList } from "@vextir/api";
import type { ClusterOptions } from "../cluster/operator-client.ts";

/** The tools of a namespace, wherever it is. */
export interface TenantTools {
  /** Of one driver, or of all. */
  list(driver?: string): Promise<ToolList>;
  call(driver: string, method: string, input: unknown): Promise<ToolCallResult>;
}

export interface ToolsOptions extends ClusterOptions {
  namespace: string;
  /** Of a local mode; default: the one that runs. */
  state?: string;
  /** Ask the operator of a cluster. */
  cluster?: boolean;
}

/** Runs `work` with those of the cluster's operator, or of the local mode. @throws LocalError, BusError, OperatorError, ClusterError */
export async function withTools<T>(
  options: ToolsOptions,
  work: (tools: TenantTools) => Promise<T>,
): Promise<T> {
  if (options.cluster || options.server) {
    const { withClusterTools } = await import("./cluster-tools.ts");
    return withClusterTools(options, work);
  }
  const { localTools } = await import("./local-tools.ts");
  return work(await localTools(options));
}
