import { join } from "node:path";
import { root, SYSTEM } from "../installation.ts";
import { run } from "./program.ts";

/** What `vextir` prints, asked as somebody whose ServiceAccount is `<namespace>/<name>`. */
export const vextirAs = (serviceAccount: string, ...args: string[]) =>
  run(process.execPath, [
    ...[join(root, "dist/cli/vextir.js"), ...args],
    ...["--operator-namespace", SYSTEM, "--service-account", serviceAccount],
  ]);

/** Somebody whose ServiceAccount is bound to this ClusterRole: in its namespace, or everywhere. @returns `<namespace>/<name>` */
export const person = (namespace: string, name: string, role: string, everywhere = false) => ({
  serviceAccount: `${namespace}/${name}`,
  manifest: `
apiVersion: v1
kind: ServiceAccount
metadata: {name: ${name}, namespace: ${namespace}}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ${everywhere ? "ClusterRoleBinding" : "RoleBinding"}
metadata: {name: vextir-e2e-${name}${everywhere ? "" : `, namespace: ${namespace}`}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ${role}}
subjects: [{kind: ServiceAccount, name: ${name}, namespace: ${namespace}}]
`,
});
