import type { Explanation } from "@vextir/operator/explain/explanation.ts";
import { capabilitiesText } from "../capabilities-text.ts";
import { askAboutDriver } from "../cluster/ask-about-driver.ts";
import type { ClusterOptions } from "../cluster/operator-client.ts";

/** `vextir capabilities <driver> --cluster`: text for the screen. @throws OperatorError, ClusterError */
export async function clusterCapabilities(
  driver: string,
  options: ClusterOptions & { namespace: string; output?: string },
): Promise<string> {
  const answer = await askAboutDriver(driver, "capabilities", options);
  return options.output === "json"
    ? JSON.stringify(answer, null, 2)
    : capabilitiesText(answer as Explanation);
}
