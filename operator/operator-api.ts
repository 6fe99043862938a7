import type { Logger } from "pino";
import type { Registry } from "prom-client";
import { KEYS, SECRETS } from "./bootstrap/names.ts";
import { SecretPinnedIds } from "./bootstrap/secret-pinned-ids.ts";
import { OwnSecrets } from "./bootstrap/secrets.ts";
import { askScaling, type BusEndpoint, type Realm, Redelivery } from "./bus/index.ts";
import type { Clock } from "./clock.ts";
import { explainDriver } from "./explain/explain-driver.ts";
import { KeyRotations, SecretKeyStore } from "./keys/index.ts";
import { KubeAccessControl, type KubeApi, KubeCluster } from "./kube/index.ts";
import { ApiServer, type ServerCertificate } from "./people/api-server.ts";
import { Desk } from "./people/desk.ts";
import { Letters } from "./people/letters.ts";
import { ToolDesk } from "./people/tool-desk.ts";
import type { Release } from "./release.ts";
import { pause, systemTiming } from "./timing.ts";
import { AuthorityStore } from "./tls/authority-store.ts";

export interface OperatorApiOptions {
  /** Its own: it is closed at the end. */
  api: KubeApi;
  namespace: string;
  /** Empty: all. */
  namespaces: readonly string[];
  port: number;
  release: Release;
  /** The bus, with the keys of now. */
  bus: BusEndpoint & { realm: Realm };
  /** Whether somebody else makes the certificates. */
  areCertificatesGiven: boolean;
  /** Between two looks at its certificate. */
  everyMs: number;
  clock: Clock;
  metrics: Registry;
  log: Logger;
  /** It is served at this port. */
  started: (port: number) => void;
}

/** Serves the API for people at this replica, from when there is a certificate until aborted. Never rejects. */
export async function serveOperatorApi(options: OperatorApiOptions, signal: AbortSignal): Promise<void> {
  const { api, namespaces, namespace, everyMs, log } = options;
  // Uncached, and allowed to write though it may not lead: what it writes the leader carries out.
  const cluster = new KubeCluster({ api, namespaces, log });
  const secrets = new OwnSecrets(cluster, namespace);
  const redelivery = new Redelivery({ ...options.bus, pinned: new SecretPinnedIds(secrets) });
  const desk = deskOf(options, cluster, secrets, redelivery);
  let server: ApiServer | undefined;
  let shown = "";
  while (!signal.aborted) {
    try {
      const certificate = await readCertificate(secrets);
      if (certificate && certificate.cert !== shown) {
        if (server) server.useCertificate(certificate);
        else {
          server = await startServer(options, certificate, desk);
          options.started(server.port);
        }
        shown = certificate.cert;
      }
    } catch (err) {
      log.warn({ err }, "the operator's API has no other certificate yet");
    }
    await pause(systemTiming, server ? everyMs : Math.min(everyMs, FIRST_MS), signal);
  }
  await server?.stop();
  redelivery.close();
  await cluster.close();
}

const FIRST_MS = 1_000;

const startServer = (
  { port, api, metrics, log }: OperatorApiOptions,
  certificate: ServerCertificate,
  desk: Desk,
) => ApiServer.start({ port, certificate, access: new KubeAccessControl(api), desk, metrics, log });

function deskOf(
  options: OperatorApiOptions,
  cluster: KubeCluster,
  secrets: OwnSecrets,
  redelivery: Redelivery,
): Desk {
  const { release, namespace: reservedNamespace, namespaces, areCertificatesGiven, clock } = options;
  const watches = (namespace: string) => namespaces.length === 0 || namespaces.includes(namespace);
  return new Desk({
    explain: (driver) => explainDriver({ cluster, release, reservedNamespace }, driver),
    scaling: (driver) => askScaling(options.bus, driver),
    rotations: new KeyRotations({
      store: new SecretKeyStore(secrets),
      cluster,
      pinned: new SecretPinnedIds(secrets),
    }),
    letters: new Letters({ redelivery, watches }),
    tools: new ToolDesk({ cluster, bus: options.bus }),
    changeAuthority: areCertificatesGiven ? undefined : () => new AuthorityStore(secrets).change(clock.now()),
  });
}

async function readCertificate(secrets: OwnSecrets): Promise<ServerCertificate | undefined> {
  const data = await secrets.read(SECRETS.operatorTls);
  const [cert, key] = [data?.[KEYS.certificate], data?.[KEYS.privateKey]];
  return cert?.length && key?.length ? { cert: cert.toString(), key: key.toString() } : undefined;
}
