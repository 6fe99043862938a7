import { contentHash } from "../content-hash.ts";
import { LABELS, MANAGED } from "../labels.ts";

/** Kept on a Driver until its account, consumers and bucket are gone. */
export const FINALIZER = "vextir.io/bus-access";

/** The authorities that signed the certificates of the bus, the egress proxy and the context hub, in every tenant's namespace. */
export const CA_CONFIG_MAP = "vextir-ca";
export const CA_KEY = "ca.crt";

/** Name of the driver's container in its pods. */
export const CONTAINER = "driver";

/** Deployment, Service, PodDisruptionBudget and NetworkPolicy bear the Driver's own name. */
export const childNames = {
  serviceAccount: (driver: string) => `driver-${driver}`,
  /** The immutable ConfigMap of one template. */
  template: (driver: string, hash: string) => `${driver}-${hash}`,
  manifests: (driver: string) => `${driver}-manifests`,
} as const;

export const driverLabels = (driver: string): Record<string, string> => ({
  ...MANAGED,
  "app.kubernetes.io/name": driver,
  [LABELS.driver]: driver,
});

/** Selects a driver's pods. A Deployment's selector can't be changed: neither may this. */
export const podSelector = (driver: string): Record<string, string> => ({ [LABELS.driver]: driver });

/** Names a template within its driver. */
export const templateHash = (content: unknown) => contentHash(content).slice(0, 8);
