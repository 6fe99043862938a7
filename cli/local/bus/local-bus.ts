import {
  type BusLog,
  createRealm,
  FilePinnedIds,
  LOCAL_ISSUER,
  LocalTokenAuthority,
  NatsBusAuthority,
  NatsPodsInHand,
  NatsScalingQuestions,
  NatsTenantSights,
  NatsToolServerReports,
  type PodsInHand,
  type Realm,
  type ScalingQuestions,
  serverConfig,
  serviceAccountOf,
  startAuthCallout,
  startReportListener,
  type TenantSights,
  type ToolServerReports,
} from "@vextir/operator/bus/index.ts";
import type { ReportSource } from "@vextir/operator/driver/reports.ts";
import { KINDS } from "@vextir/operator/kinds.ts";
import { natsServer } from "@vextir/tools";
import { freePort } from "../kubelet/ports.ts";
import type { PodTokens } from "../kubelet/tokens.ts";
import type { Processes } from "../processes/processes.ts";
import { keyMaterial } from "../state/keys.ts";
import type { StatePaths } from "../state/state-folder.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { BusServer } from "./bus-server.ts";

export interface LocalBusOptions {
  state: StatePaths;
  processes: Processes;
  store: ObjectStore;
  log: BusLog;
  onNote: (message: string) => void;
}

/** The bus of the local mode: nats-server as a child process, and the same authority, callout and reports as the operator's. */
export interface LocalBus {
  readonly url: string;
  readonly realm: Realm;
  readonly pinned: FilePinnedIds;
  readonly authority: NatsBusAuthority;
  readonly tokens: PodTokens;
  readonly tokenIssuer: string;
  /** By which the pods' tokens are known. */
  tokenKeys(): ReturnType<LocalTokenAuthority["publicKeys"]>;
  readonly reports: ReportSource;
  readonly sights: TenantSights;
  readonly inHand: PodsInHand;
  readonly toolServers: ToolServerReports;
  readonly questions: ScalingQuestions;
  stop(): Promise<void>;
}

/** @throws LocalError `StartFailed` when nats-server does not come up. */
export async function startBus({ state, processes, store, log, onNote }: LocalBusOptions): Promise<LocalBus> {
  await using started = new AsyncDisposableStack();
  const realm = createRealm(await keyMaterial(state));
  const port = await freePort();
  const url = `nats://127.0.0.1:${port}`;
  const listen = { host: "127.0.0.1", port };
  const config = serverConfig({ realm, serverName: "vextir-local", listen, storeDir: state.bus });
  const program = await natsServer();
  const server = new BusServer({ processes, program, config, folder: state.bus, onNote });
  await server.start();
  started.defer(() => server.stop());

  const endpoint = { servers: [url], realm, log };
  const pinned = new FilePinnedIds(state.pinnedIds);
  const authority = NatsBusAuthority.connect({ ...endpoint, pinned });
  started.defer(() => authority.stop());
  const verifier = await LocalTokenAuthority.create();
  const callout = startAuthCallout({
    ...endpoint,
    verifier,
    drivers: { find: (...name) => driverOf(store, ...name) },
  });
  started.defer(() => callout.stop());
  await callout.ready();

  const tokens: PodTokens = {
    sign: ({ namespace, pod, serviceAccount, audience, expirationSeconds }) =>
      verifier.sign(
        {
          namespace,
          serviceAccount: serviceAccount.name,
          uid: serviceAccount.uid,
          podName: pod.name,
          podUid: pod.uid,
        },
        { lifetimeS: expirationSeconds, audience },
      ),
  };
  const reports: ReportSource = {
    serve: async (onReport) => startReportListener({ ...endpoint, onReport }),
  };
  const all = started.move();
  const sights = new NatsTenantSights({ ...endpoint, pinned });
  const inHand = new NatsPodsInHand(endpoint);
  const toolServers = new NatsToolServerReports(endpoint);
  const questions = new NatsScalingQuestions(endpoint);
  return {
    url,
    realm,
    pinned,
    authority,
    tokens,
    tokenIssuer: LOCAL_ISSUER,
    tokenKeys: () => verifier.publicKeys(),
    reports,
    sights,
    inHand,
    toolServers,
    questions,
    stop: () => all.disposeAsync(),
  };
}

/** A Driver that is being deleted is no longer known. */
function driverOf(store: ObjectStore, namespace: string, name: string) {
  const metadata = store.get(KINDS.Driver, { namespace, name })?.metadata;
  if (!metadata?.uid || metadata.deletionTimestamp) return undefined;
  const account = store.get(KINDS.ServiceAccount, { namespace, name: serviceAccountOf(name) });
  return { namespace, name, uid: metadata.uid, serviceAccountUid: account?.metadata.uid };
}
