import { capabilitiesText } from "../capabilities-text.ts";
import { readCapabilities } from "../local/capabilities-file.ts";
import { runningState } from "./get.ts";

export interface CapabilitiesOptions {
  namespace: string;
  state?: string;
  output?: string;
}

/** `vextir capabilities <driver>`: text for the screen. @throws LocalError `NotRunning`, `NotFound`. */
export async function capabilities(driver: string, options: CapabilitiesOptions): Promise<string> {
  const explanation = await readCapabilities(options.state ?? runningState(), options.namespace, driver);
  return options.output === "json" ? JSON.stringify(explanation, null, 2) : capabilitiesText(explanation);
}
