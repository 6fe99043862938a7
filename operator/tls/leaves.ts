import { OPERATOR_API } from "@vextir/api";
import {
  EGRESS_SERVICE,
  HUB_SERVICE,
  NATS_HEADLESS_SERVICE,
  NATS_SERVICE,
  SECRETS,
} from "../bootstrap/names.ts";
import type { CertificateNames } from "./certificate-check.ts";
import type { Leaf } from "./leaf.ts";

/** The certificates of the chart's servers. cert-manager, where it makes them, is told the same names by the chart. */
export const leavesOf = (namespace: string, natsServers: number): Leaf[] => [
  { secret: SECRETS.natsTls, names: natsNames(namespace, natsServers) },
  { secret: SECRETS.egressTls, names: serviceNames(EGRESS_SERVICE, namespace) },
  { secret: SECRETS.hubTls, names: serviceNames(HUB_SERVICE, namespace) },
  { secret: SECRETS.operatorTls, names: serviceNames(OPERATOR_API.service, namespace) },
];

/** Every name that somebody reaches a server by: the Service, a single server, and the node itself through a port forward. */
export function natsNames(namespace: string, servers: number): CertificateNames {
  const own = serverNames(namespace, servers);
  const { dns, ip } = serviceNames(NATS_SERVICE, namespace);
  return { dns: [...dns, ...own, ...own.map((name) => `${name}.cluster.local`)], ip };
}

export const serverNames = (namespace: string, servers: number) =>
  Array.from(
    { length: servers },
    (_, index) => `${NATS_SERVICE}-${index}.${NATS_HEADLESS_SERVICE}.${namespace}.svc`,
  );

function serviceNames(name: string, namespace: string): Required<CertificateNames> {
  const service = `${name}.${namespace}.svc`;
  return {
    dns: [service, `${service}.cluster.local`, `${name}.${namespace}`, name, "localhost"],
    ip: ["127.0.0.1"],
  };
}
