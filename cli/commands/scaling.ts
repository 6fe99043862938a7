import type { ScalingReport } from "@vextir/api";
import { askScaling } from "@vextir/operator/bus/index.ts";
import { askAboutDriver } from "../cluster/ask-about-driver.ts";
import type { ClusterOptions } from "../cluster/operator-client.ts";
import { LocalError } from "../local/local-error.ts";
import { printable } from "../local/output/text.ts";
import { runningBus } from "../local/running-bus.ts";
import { scalingText } from "../scaling-text.ts";
import { runningState } from "./get.ts";

export interface ScalingOptions {
  namespace: string;
  state?: string;
  output?: string;
}

/** `vextir scaling <driver>`: text for the screen. @throws LocalError `NotRunning`, `NotFound`; BusError */
export async function scaling(driver: string, options: ScalingOptions): Promise<string> {
  const { namespace } = options;
  const bus = await runningBus(options.state ?? runningState());
  const report = await askScaling(bus, { namespace, name: driver });
  if (report) return shown(report, options.output);
  throw new LocalError("NotFound", `no Driver ${namespace}/${driver} is scaled: it would need spec.scaling`);
}

/** The same of a cluster. @throws OperatorError, ClusterError */
export async function clusterScaling(
  driver: string,
  options: ClusterOptions & { namespace: string; output?: string },
): Promise<string> {
  return shown((await askAboutDriver(driver, "scaling", options)) as ScalingReport, options.output);
}

const shown = (report: ScalingReport, output: string | undefined) =>
  output === "json" ? JSON.stringify(report, null, 2) : printable(scalingText(report));
