import { createRealm, type Realm, serverConfig } from "../bus/index.ts";
import { SecretKeyStore } from "../keys/key-store.ts";
import type { Certificates } from "../tls/certificates.ts";
import { serverNames } from "../tls/leaves.ts";
import { KEYS, NATS_PATHS, NATS_PORTS, SECRETS } from "./names.ts";
import type { OwnSecrets } from "./secrets.ts";

export interface BootstrapOptions {
  secrets: OwnSecrets;
  certificates: Certificates;
  /** The operator's own. */
  namespace: string;
  nats: {
    /** Servers: 1 or 3. */
    replicas: number;
    /** Of each server's volume. */
    storageBytes: number;
  };
  /** Whether there is a context hub. */
  hub: boolean;
}

/** What everything on the bus follows from. */
export interface Bootstrapped {
  realm: Realm;
  /** PEM of whom clients of the bus trust. */
  ca: string;
}

/** The part of the volume that streams may fill: the rest is for accounts, and for what a server needs beside. */
const STREAMS_SHARE = 0.95;

/** For the leader: makes what nats-server and the other replicas wait for, once; what is there stays. */
export async function bootstrap(options: BootstrapOptions): Promise<Bootstrapped> {
  const realm = createRealm(await new SecretKeyStore(options.secrets).ensure());
  const { trusted } = await options.certificates.ensure();
  await publishKeys(options, realm);
  return { realm, ca: trusted };
}

/** Writes, where it has changed, what nats-server reads at its start, and what the context hub connects with. */
export async function publishKeys(options: BootstrapOptions, realm: Realm): Promise<void> {
  const { secrets, hub } = options;
  await publish(secrets, SECRETS.nats, KEYS.config, natsConfig(options, realm));
  if (hub) await publish(secrets, SECRETS.hubBus, KEYS.credentials, realm.hubCredentials());
}

/** Makes the Secret hold this alone. */
async function publish(secrets: OwnSecrets, name: string, key: string, text: string): Promise<void> {
  const wanted = Buffer.from(text);
  const made = await secrets.readOrCreate(name, () => ({ [key]: wanted }));
  const isWanted = Object.keys(made).length === 1 && made[key]?.equals(wanted);
  if (!isWanted) await secrets.write(name, { [key]: wanted });
}

/** For a replica that does not lead: what the leader made, or undefined while it is not there. */
export async function readBootstrapped(
  secrets: OwnSecrets,
  certificates: Certificates,
): Promise<Bootstrapped | undefined> {
  const [material, certificate] = await Promise.all([
    new SecretKeyStore(secrets).read(),
    certificates.read(),
  ]);
  return material && certificate && { realm: createRealm(material), ca: certificate.trusted };
}

export function natsConfig({ namespace, nats }: BootstrapOptions, realm: Realm): string {
  const file = (key: string) => `${NATS_PATHS.config}/${key}`;
  const routes = serverNames(namespace, nats.replicas).map((name) => `tls://${name}:${NATS_PORTS.routes}`);
  return serverConfig({
    realm,
    serverName: "$POD_NAME",
    listen: { host: "0.0.0.0", port: NATS_PORTS.clients },
    monitorPort: NATS_PORTS.monitor,
    storeDir: NATS_PATHS.data,
    tls: {
      certFile: file(KEYS.certificate),
      keyFile: file(KEYS.privateKey),
      caFile: file(KEYS.authority),
    },
    maxFileBytes: Math.floor(nats.storageBytes * STREAMS_SHARE),
    ...(nats.replicas > 1 && { cluster: { name: "vextir", port: NATS_PORTS.routes, routes } }),
  });
}
