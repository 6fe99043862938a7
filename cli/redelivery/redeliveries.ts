import type {
  DeadLetterDetail,
  DeadLetterPage,
  DeadLetterSelection,
  LettersDone,
  RedriveRequest,
  ReplayPage,
  ReplayRequest,
} from "@vextir/api";
import type { ClusterOptions } from "../cluster/operator-client.ts";

/** Dead letters and history of a namespace, wherever it is. Every request is bounded, and may be repeated. */
export interface Redeliveries {
  list(selection: DeadLetterSelection): Promise<DeadLetterPage>;
  show(sequence: number, driver?: string): Promise<DeadLetterDetail>;
  redrive(request: RedriveRequest): Promise<LettersDone>;
  drop(selection: DeadLetterSelection): Promise<LettersDone>;
  replay(driver: string, request: ReplayRequest): Promise<ReplayPage>;
}

export interface RedeliveryOptions extends ClusterOptions {
  namespace: string;
  /** Of a local mode; default: the one that runs. */
  state?: string;
  /** Ask the operator of a cluster. */
  cluster?: boolean;
}

/** Runs `work` with those of the cluster's operator, or of the local mode. @throws LocalError, BusError, OperatorError, ClusterError */
export async function withRedeliveries<T>(
  options: RedeliveryOptions,
  work: (redeliveries: Redeliveries) => Promise<T>,
): Promise<T> {
  if (options.cluster || options.server) {
    const { withClusterRedeliveries } = await import("./cluster-redeliveries.ts");
    return withClusterRedeliveries(options, work);
  }
  const { withLocalRedeliveries } = await import("./local-redeliveries.ts");
  return withLocalRedeliveries(options, work);
}
