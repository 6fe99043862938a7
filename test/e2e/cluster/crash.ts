import { join } from "node:path";
import { kubectl } from "./kubectl.ts";
import { run } from "./program.ts";

/** As hard as the cluster allows: SIGKILL on one of `test/cluster`, else a deletion that waits for nothing. */
export const crash = (namespace: string, pod: string) =>
  process.env["VEXTIR_CLUSTER_DIR"]
    ? run(join(import.meta.dirname, "../../cluster/crash"), [namespace, pod])
    : kubectl("delete", "pod", pod, "-n", namespace, "--force", "--grace-period=0");
