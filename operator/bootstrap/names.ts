/** What chart and operator agree on: see the chart's README. */
export const SECRETS = {
  master: "vextir-master",
  authority: "vextir-ca",
  nats: "vextir-nats",
  /** Made by the operator, or by cert-manager. */
  natsTls: "vextir-nats-tls",
  operatorTls: "vextir-operator-tls",
  busAccounts: "vextir-bus-accounts",
  egressTls: "vextir-egress-tls",
  hubTls: "vextir-hub-tls",
  /** The context hub's credentials on the bus. */
  hubBus: "vextir-hub-bus",
} as const;

export const NATS_SERVICE = "vextir-nats";
export const NATS_HEADLESS_SERVICE = "vextir-nats-headless";
export const NATS_LABELS = { "app.kubernetes.io/name": "vextir-nats" } as const;
export const NATS_PORTS = { clients: 4222, routes: 6222, monitor: 8222 } as const;

export const EGRESS_SERVICE = "vextir-egress";
export const EGRESS_LABELS = { "app.kubernetes.io/name": "vextir-egress" } as const;
export const EGRESS_PORT = 8443;

export const HUB_SERVICE = "vextir-hub";
export const HUB_LABELS = { "app.kubernetes.io/name": "vextir-hub" } as const;
export const HUB_PORT = 8444;

/** Where the NATS pods mount the Secret and their volume. */
export const NATS_PATHS = { config: "/etc/nats", data: "/data" } as const;

/** Keys of the Secrets; those of a certificate are the ones of type kubernetes.io/tls. */
export const KEYS = {
  master: "secret",
  nextMaster: "next",
  previousMaster: "previous",
  identity: "identity",
  keyState: "keys.json",
  config: "nats.conf",
  credentials: "hub.creds",
  certificate: "tls.crt",
  privateKey: "tls.key",
  authority: "ca.crt",
} as const;
