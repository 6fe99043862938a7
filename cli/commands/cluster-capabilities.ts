import type { Explanation } from "@vextir/operator/explain/explanation.ts";
import { capabilitiesText } from "../capabilities-text.ts";
import { type ClusterOptions, OperatorClient } from "../cluster/operator-client.ts";

/** `vextir capabilities <driver> --cluster`: text for the screen. @throws OperatorError, ClusterError */
export async function clusterCapabilities(
  driver: string,
  options: ClusterOptions & { namespace: string; output?: string },
): Promise<string> {
  const client = await OperatorClient.open(options);
  try {
    const [namespace, name] = [options.namespace, driver].map(encodeURIComponent);
    const answer = await client.ask("GET", `/v1/namespaces/${namespace}/drivers/${name}/capabilities`);
    return options.output === "json"
      ? JSON.stringify(answer, null, 2)
      : capabilitiesText(answer as Explanation);
  } finally {
    await client.close();
  }
}
