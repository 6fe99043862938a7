import type { Realm } from "./realm.ts";

export interface ServerConfigOptions {
  realm: Realm;
  /** A variable such as `$POD_NAME` is resolved by nats-server. */
  serverName: string;
  /** Address and port of the clients. */
  listen: { host: string; port: number };
  /** Folder of the accounts and streams. */
  storeDir: string;
  /** Port of `/healthz`, on the same address; default: none. */
  monitorPort?: number;
  /** Absent: no TLS, for loopback only. */
  tls?: ServerTls;
  /** For more than one server. */
  cluster?: {
    name: string;
    port: number;
    /** URLs of all servers' cluster ports. */
    routes: readonly string[];
  };
  /** What the streams may take together; streams reserve their size. Default: 64 GiB. */
  maxFileBytes?: number;
  /** Largest message; default: 8 MiB. */
  maxPayloadBytes?: number;
}

/** Paths as nats-server sees them. */
export interface ServerTls {
  certFile: string;
  keyFile: string;
  caFile: string;
}

const DEFAULT_MAX_PAYLOAD = 8 * 2 ** 20;

/**
 * nats-server's configuration, for the chart and the local mode alike. It holds public keys and signed claims, no secret.
 *
 * JetStream acknowledges after the sync (`sync_interval: always`): by default up to two minutes of acknowledged events
 * can be lost with the machine.
 */
export function serverConfig(options: ServerConfigOptions): string {
  const { realm, listen, tls, cluster, storeDir, monitorPort } = options;
  const blocks = [
    `server_name: ${word(options.serverName)}`,
    `listen: ${quote(address(listen))}`,
    monitorPort && `http: ${quote(address({ host: listen.host, port: monitorPort }))}`,
    `max_payload: ${options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD}`,
    // What a client that doesn't read may keep in the server's memory, and for how long: the default is 64 MiB for each.
    `max_pending: ${2 * (options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD)}`,
    'write_deadline: "5s"',
    'ping_interval: "30s"',
    tls && `tls ${tlsBlock(tls, false)}`,
    `operator: ${realm.operatorJwt}`,
    `system_account: ${realm.system.id}`,
    // The time in which the auth callout has to answer.
    "authorization { timeout: 3 }",
    `default_sentinel: ${quote(realm.sentinelJwt)}`,
    block("resolver", [
      "type: full",
      `dir: ${quote(`${storeDir}/accounts`)}`,
      "allow_delete: true",
      "hard_delete: true",
      // How long a server that was away works with the accounts of before; in a steady state it costs a hash.
      'interval: "5s"',
    ]),
    block(
      "resolver_preload",
      [realm.system, realm.auth, realm.vextir].map((account) => `${account.id}: ${account.jwt}`),
    ),
    block("jetstream", [
      `store_dir: ${quote(`${storeDir}/jetstream`)}`,
      "max_memory_store: 67108864",
      `max_file_store: ${options.maxFileBytes ?? 64 * 2 ** 30}`,
      "sync_interval: always",
    ]),
    cluster && clusterBlock(cluster, tls, listen.host),
  ];
  return `${blocks.filter(Boolean).join("\n")}\n`;
}

function clusterBlock(
  cluster: NonNullable<ServerConfigOptions["cluster"]>,
  tls: ServerTls | undefined,
  host: string,
): string {
  return block("cluster", [
    `name: ${quote(cluster.name)}`,
    `listen: ${quote(address({ host, port: cluster.port }))}`,
    `routes: [${cluster.routes.map(quote).join(", ")}]`,
    ...(tls ? [`tls ${tlsBlock(tls, true)}`] : []),
  ]);
}

/** Servers show each other their certificates; clients show a token instead. */
const tlsBlock = (tls: ServerTls, verify: boolean) =>
  `{ cert_file: ${quote(tls.certFile)}, key_file: ${quote(tls.keyFile)}, ca_file: ${quote(tls.caFile)}, ` +
  `verify: ${verify}, timeout: 5 }`;

const block = (name: string, lines: readonly string[]) =>
  `${name} {\n${lines.map((l) => `  ${l}\n`).join("")}}`;
const address = ({ host, port }: { host: string; port: number }) => `${host}:${port}`;
const quote = (text: string) => JSON.stringify(text);
/** Variables only resolve outside quotes. */
const word = (text: string) => (text.startsWith("$") ? text : quote(text));
