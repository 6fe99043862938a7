import { type Driver, type DriverSpec, HEALTH_PORT, POD_ENV, POD_PATHS, portEnv } from "@vextir/api";
import type { Release } from "../../release.ts";
import type { EnvVar } from "../../workloads.ts";
import type { GrantedModel } from "../models.ts";
import { wantKeys } from "./volumes.ts";

const literal = (name: string, value: string): EnvVar => ({ name, value });
const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });

export interface EnvironmentInput {
  driver: Driver;
  spec: DriverSpec;
  release: Release;
  /** Hash of a manifest that needs no verdict. */
  acceptedManifest?: string;
  models: readonly GrantedModel[];
}

/** The pod contract's variables, but the template's hash, which is made of them; then the Driver's own. */
export function environment({ driver, spec, release, acceptedManifest, models }: EnvironmentInput): EnvVar[] {
  return [
    literal(POD_ENV.driver, driver.metadata.name),
    field(POD_ENV.namespace, "metadata.namespace"),
    field(POD_ENV.pod, "metadata.name"),
    literal(POD_ENV.busUrl, release.bus.url),
    literal(POD_ENV.busTokenFile, POD_PATHS.busTokenFile),
    ...(release.bus.ca === undefined ? [] : [literal(POD_ENV.busCaFile, POD_PATHS.caFile)]),
    ...egressProxy(spec, release),
    ...contextHub(release),
    literal(POD_ENV.driverFile, POD_PATHS.driverFile),
    ...(spec.configSecretRefs.length === 0 ? [] : [literal(POD_ENV.secretsDir, POD_PATHS.secretsDir)]),
    ...(wantKeys(models) ? [literal(POD_ENV.modelKeysDir, POD_PATHS.modelKeysDir)] : []),
    literal(POD_ENV.healthPort, String(HEALTH_PORT)),
    ...(acceptedManifest === undefined ? [] : [literal(POD_ENV.acceptedManifest, acceptedManifest)]),
    literal(POD_ENV.logLevel, release.logLevel ?? "info"),
    ...telemetry(spec, release),
    ...spec.ports.map((port) => literal(portEnv(port.name), String(port.containerPort))),
    ...(spec.env as EnvVar[]),
  ];
}

/** A name may stand there once: the Driver's own value is the one. */
function telemetry(spec: DriverSpec, { telemetry = {} }: Release): EnvVar[] {
  const own = new Set((spec.env as EnvVar[]).map(({ name }) => name));
  return Object.entries(telemetry).flatMap(([name, value]) => (own.has(name) ? [] : [literal(name, value)]));
}

/** Only where there is something to reach: a driver's process that needs no proxy loads nothing for it. */
function egressProxy({ capabilities }: DriverSpec, { egress }: Release): EnvVar[] {
  if (!egress || capabilities.allowedHosts.length === 0) return [];
  return [literal(POD_ENV.egressUrl, egress.url), literal(POD_ENV.egressCaFile, POD_PATHS.caFile)];
}

/** For every driver, whatever it is granted: the hub decides, and the gateway tells people whether it answers. */
function contextHub({ hub }: Release): EnvVar[] {
  if (!hub) return [];
  return [
    literal(POD_ENV.hubUrl, hub.url),
    literal(POD_ENV.hubTokenFile, POD_PATHS.hubTokenFile),
    ...(hub.ca === undefined ? [] : [literal(POD_ENV.hubCaFile, POD_PATHS.caFile)]),
  ];
}
