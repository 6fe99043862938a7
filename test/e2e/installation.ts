import { join } from "node:path";
import { apply, kubectl } from "./cluster/kubectl.ts";
import { run } from "./cluster/program.ts";

export const root = join(import.meta.dirname, "../..");
/** Where the chart is installed. */
export const SYSTEM = "vextir-e2e-system";
/** Where the Drivers are. */
export const TENANT = "vextir-e2e";
export const quickstart = join(root, "examples/quickstart");

const chart = join(root, "charts/vextir");
const given = (process.env["VEXTIR_E2E_VALUES"] ?? "").split(" ").filter(Boolean);

const helm = (...args: string[]) => run("helm", [...args, "--namespace", SYSTEM]);

const wait = ["--wait", "--timeout", "120s"];

export const install = (...values: string[]) =>
  helm("install", "vextir", chart, ...given, ...values, ...wait);

export const upgrade = (...values: string[]) =>
  helm("upgrade", "vextir", chart, ...given, ...values, ...wait);

export const uninstall = () => helm("uninstall", "vextir", "--ignore-not-found", ...wait);

/** Both enforce Pod Security: a pod that isn't "restricted" is refused there. */
export const makeNamespaces = () =>
  apply(
    [SYSTEM, TENANT]
      .map(
        (name) => `---
apiVersion: v1
kind: Namespace
metadata:
  name: ${name}
  labels: {pod-security.kubernetes.io/enforce: restricted}
`,
      )
      .join(""),
  );

/** With the operator there to clean up: Drivers and EventBuses wait for it. */
export const removeTenant = () =>
  kubectl("delete", "namespace", TENANT, "--ignore-not-found", "--timeout=90s");

export async function removeEverything(): Promise<void> {
  await removeTenant();
  await uninstall();
  await kubectl("delete", "namespace", SYSTEM, "--ignore-not-found", "--timeout=60s");
}

/** Waits until these Drivers, or all of them, are Ready. */
export const driversReady = (...names: string[]) =>
  kubectl(
    "wait",
    "--for=condition=Ready",
    "driver",
    ...(names.length > 0 ? names : ["--all"]),
    "-n",
    TENANT,
    "--timeout=90s",
  );
