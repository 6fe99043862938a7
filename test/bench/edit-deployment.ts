export interface EditedDriver {
  metadata: { namespace?: string; name: string; uid?: string };
  spec: { replicas: number };
}

/** As large as a driver's own. */
export function deploymentOf({ metadata, spec }: EditedDriver) {
  const { namespace = "", name, uid = "" } = metadata;
  const labels = { "app.kubernetes.io/managed-by": "vextir", "vextir.io/driver": name };
  const owner = { apiVersion: "vextir.io/v1alpha1", kind: "Driver", name, uid };
  const env = { VEXTIR_DRIVER: name, VEXTIR_NAMESPACE: namespace, VEXTIR_BUS_URL: "tls://nats:4222" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name,
      namespace,
      labels,
      ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }],
    },
    spec: {
      replicas: spec.replicas,
      selector: { matchLabels: { "vextir.io/driver": name } },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: `driver-${name}`,
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
          containers: [
            {
              name: "driver",
              image: "vextir/driver:1",
              env: Object.entries(env).map(([name, value]) => ({ name, value })),
              ports: [{ name: "health", containerPort: 9464 }],
              readinessProbe: { httpGet: { path: "/readyz", port: "health" }, periodSeconds: 1 },
              volumeMounts: [{ name: "driver", mountPath: "/etc/vextir/driver", readOnly: true }],
            },
          ],
          volumes: [{ name: "driver", configMap: { name: `${name}-12345678` } }],
        },
      },
    },
  };
}
