import {
  type Driver,
  DriverSpec,
  EVENT_BUS_NAME,
  EventBusSpec,
  type Manifest,
  manifestHash,
} from "@vextir/api";
import type { Cluster, ObjectKey } from "../cluster.ts";
import { quotasOf } from "../driver/connections.ts";
import { ManifestStore } from "../driver/manifests/manifest-store.ts";
import { namedPeers, presentPeers } from "../driver/peers.ts";
import { sharedWith } from "../driver/shared.ts";
import { KINDS } from "../kinds.ts";
import { accountQuotas } from "../policy/account-quotas.ts";
import { PolicyGate } from "../policy/gate.ts";
import { Policies } from "../policy/policies.ts";
import type { Release } from "../release.ts";
import { explain } from "./explain.ts";
import type { Explanation } from "./explanation.ts";

export interface ExplainDriverOptions {
  cluster: Cluster;
  release: Release;
  reservedNamespace?: string;
}

/** As the objects are now, whatever was carried out so far. Undefined: there is no such Driver, or its spec can't be read. */
export async function explainDriver(
  { cluster, release, reservedNamespace }: ExplainDriverOptions,
  key: Required<ObjectKey>,
): Promise<Explanation | undefined> {
  const driver = await cluster.get(KINDS.Driver, key);
  const spec = DriverSpec.safeParse(driver?.spec).data;
  if (!driver || !spec) return undefined;
  const { namespace, name } = key;
  const reserved = reservedNamespace === undefined ? {} : { reserved: reservedNamespace };
  const releaseImage = release.image;
  const gate = new PolicyGate({ cluster, policies: new Policies(cluster), releaseImage, ...reserved });
  const [admission, tenant, bus, manifest] = await Promise.all([
    gate.admit(driver),
    cluster.list(KINDS.Driver, { namespace }),
    cluster.get(KINDS.EventBus, { namespace, name: EVENT_BUS_NAME }),
    manifestOf(cluster, release, driver, spec),
  ]);
  const named = namedPeers(spec.capabilities);
  const peers = presentPeers(driver, named, await gate.admitted(namespace, tenant));
  const shared = await sharedWith(driver, spec, { cluster, gate });
  const policies = admission.state === "unknown" ? [] : admission.policies;
  const { subscriptions, capabilities } = spec;
  return explain({
    access: {
      ...{ namespace, name, uid: driver.metadata.uid ?? "", subscriptions, capabilities, peers, shared },
      quotas: quotasOf(spec, driver.status?.replicas ?? 0, accountQuotas(policies)),
    },
    bus: EventBusSpec.safeParse(bus?.spec ?? {}).data ?? EventBusSpec.parse({}),
    manifest,
    policies,
    violations: admission.state === "refused" ? admission.violations : [],
    isAdmitted: admission.state === "admitted",
  });
}

/** What the running code says of itself; else what its pods said last. */
async function manifestOf(
  cluster: Cluster,
  release: Release,
  driver: Driver,
  { image, module }: DriverSpec,
): Promise<Manifest | undefined> {
  if (image === undefined && module !== undefined && release.manifests.has(module))
    return release.manifests.get(module);
  const stored = [...(await new ManifestStore(cluster).all(driver)).values()].map((entry) => entry.manifest);
  const running = driver.status?.manifest?.hash;
  return stored.find((manifest) => manifestHash(manifest) === running) ?? stored.at(-1);
}
