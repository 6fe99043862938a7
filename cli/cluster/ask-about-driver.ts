import { type ClusterOptions, OperatorClient } from "./operator-client.ts";

/** What a cluster's operator says of a driver. @throws OperatorError, ClusterError */
export async function askAboutDriver(
  driver: string,
  what: "capabilities" | "scaling",
  options: ClusterOptions & { namespace: string },
): Promise<unknown> {
  const client = await OperatorClient.open(options);
  try {
    const [namespace, name] = [options.namespace, driver].map(encodeURIComponent);
    return await client.ask("GET", `/v1/namespaces/${namespace}/drivers/${name}/${what}`);
  } finally {
    await client.close();
  }
}
