import { type ClusterOptions, withOperator } from "./operator-client.ts";

/** What a cluster's operator says of a driver. @throws OperatorError, ClusterError */
export function askAboutDriver(
  driver: string,
  what: "capabilities" | "scaling",
  options: ClusterOptions & { namespace: string },
): Promise<unknown> {
  const [namespace, name] = [options.namespace, driver].map(encodeURIComponent);
  const path = `/v1/namespaces/${namespace}/drivers/${name}/${what}`;
  return withOperator(options, (operator) => operator.ask("GET", path));
}
