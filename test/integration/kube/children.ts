import type { KubeObject } from "@vextir/api";
import type { Applied, Kind } from "../../../operator/cluster.ts";
import { KINDS } from "../../../operator/kinds.ts";

interface Child {
  kind: Kind;
  object: Applied<KubeObject>;
}

/** Objects with about every form of field that a driver's children have. */
export function childrenOf(name: string, namespace: string): Child[] {
  const labels = { "app.kubernetes.io/managed-by": "vextir", "vextir.io/driver": name };
  const owner = {
    apiVersion: "v1",
    kind: "ConfigMap",
    name: "owner",
    uid: "0b2e6d0c-6a5b-4f43-b6c3-2a42d8b1a1a1",
  };
  const metadata = {
    name,
    namespace,
    labels,
    ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }],
  };
  const child = (kind: Kind, fields: object): Child => ({
    kind,
    object: { apiVersion: kind.apiVersion, kind: kind.kind, metadata, ...fields },
  });
  const peers = { "vextir.io/part": "bus" };
  return [
    child(KINDS.ServiceAccount, { automountServiceAccountToken: false }),
    child(KINDS.ConfigMap, {
      immutable: true,
      data: { "driver.json": "{}", "driver.ts": "export default 1;\n" },
    }),
    child(KINDS.Service, {
      spec: {
        selector: { "vextir.io/driver": name },
        ports: [
          { name: "http", port: 8080, targetPort: 8080 },
          { name: "syslog", port: 514, targetPort: "syslog", protocol: "UDP" },
        ],
      },
    }),
    child(KINDS.PodDisruptionBudget, {
      spec: { maxUnavailable: 1, selector: { matchLabels: { "vextir.io/driver": name } } },
    }),
    child(KINDS.NetworkPolicy, {
      spec: {
        podSelector: { matchLabels: { "vextir.io/driver": name } },
        policyTypes: ["Ingress", "Egress"],
        ingress: [{ ports: [{ port: 8080 }] }],
        egress: [
          { to: [{ podSelector: { matchLabels: peers }, namespaceSelector: {} }], ports: [{ port: 4222 }] },
          { to: [], ports: [{ port: 53, protocol: "UDP" }, { port: 53 }] },
        ],
      },
    }),
    child(KINDS.Deployment, { spec: deploymentSpec(name, labels) }),
  ];
}

function deploymentSpec(name: string, labels: Record<string, string>): object {
  return {
    replicas: 2,
    selector: { matchLabels: { "vextir.io/driver": name } },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: "25%" } },
    template: {
      metadata: { labels, annotations: {} },
      spec: {
        serviceAccountName: `driver-${name}`,
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        terminationGracePeriodSeconds: 30,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
        nodeSelector: {},
        tolerations: [{ key: "dedicated", operator: "Exists" }],
        imagePullSecrets: [],
        containers: [
          {
            name: "driver",
            image: "vextir/driver:1",
            args: ["--port=8080"],
            env: [
              { name: "VEXTIR_DRIVER", value: name },
              { name: "EMPTY", value: "" },
              { name: "VEXTIR_POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
            ],
            ports: [
              { name: "http", containerPort: 8080 },
              { name: "syslog", containerPort: 5514, protocol: "UDP" },
            ],
            resources: { requests: { cpu: "1000m", memory: "0.5Gi" }, limits: { memory: 536_870_912 } },
            securityContext: {
              allowPrivilegeEscalation: false,
              privileged: false,
              capabilities: { drop: ["ALL"] },
            },
            readinessProbe: { httpGet: { path: "/readyz", port: "http" }, periodSeconds: 1 },
            volumeMounts: [
              { name: "driver", mountPath: "/etc/vextir/driver", readOnly: true },
              { name: "tmp", mountPath: "/tmp", readOnly: false },
            ],
          },
        ],
        volumes: [
          { name: "driver", configMap: { name: `${name}-12345678` } },
          { name: "tmp", emptyDir: {} },
          {
            name: "token",
            projected: {
              sources: [
                { serviceAccountToken: { audience: "vextir-bus", path: "token", expirationSeconds: 600 } },
              ],
            },
          },
        ],
      },
    },
  };
}
