import { type Driver, type DriverSpec, type EventBusSpec, manifestHash, quantityBytes } from "@vextir/api";
import type { BusAuthority } from "../bus/authority.ts";
import type { Clock } from "../clock.ts";
import type { Cluster, ObjectKey } from "../cluster.ts";
import type { ReconcileResult } from "../controller/result.ts";
import type { Tenants } from "../event-bus/tenants.ts";
import { addFinalizer } from "../finalizers.ts";
import { KINDS } from "../kinds.ts";
import { LABELS } from "../labels.ts";
import { accountQuotas } from "../policy/account-quotas.ts";
import type { AdmissionLedger } from "../policy/admission-ledger.ts";
import { type Admitted, type PolicyGate, policiesHash, type Refusal } from "../policy/gate.ts";
import type { PublishWatch } from "../publish-quota/publish-watch.ts";
import type { Release } from "../release.ts";
import type { Autoscaler } from "../scaling/autoscaler.ts";
import type { StatusWriter } from "../status-writer.ts";
import { type BusOutcome, ensureBusAccess } from "./bus-access.ts";
import type { Capacity } from "./capacity/capacity.ts";
import type { Shortage } from "./capacity/fit.ts";
import { desiredChildren } from "./children/children.ts";
import { quotasOf } from "./connections.ts";
import { codeHash, templateData } from "./driver-file.ts";
import { unsubscribed } from "./manifests/judge.ts";
import type { ManifestDesk } from "./manifests/manifest-desk.ts";
import type { ManifestStore, StoredManifests } from "./manifests/manifest-store.ts";
import { readModels } from "./models.ts";
import { FINALIZER } from "./names.ts";
import { Observed } from "./observed.ts";
import { isPaused } from "./paused.ts";
import { namedPeers, presentPeers } from "./peers.ts";
import { Presence } from "./presence.ts";
import { remove, revoke } from "./removal.ts";
import { type Accepted, type Review, readSpec, review } from "./review.ts";
import { RevisionHistory } from "./revisions/revision-history.ts";
import { deleteAll, type RolloutOutcome, rollOut, superfluous, templatesInUse } from "./rollout.ts";
import { type Scaled, scaledPods } from "./scaled-pods.ts";
import { limitShared, sharedWith } from "./shared.ts";
import { readSource, sourceConfigMap } from "./source.ts";
import type { SourceIndex } from "./source-index.ts";
import { Standing } from "./standing.ts";
import { driverStatus, isProven, removalStatus } from "./status/driver-status.ts";
import { Succession } from "./succession.ts";

export interface DriverReconcilerOptions {
  cluster: Cluster;
  bus: BusAuthority;
  release: Release;
  clock: Clock;
  statuses: StatusWriter;
  tenants: Tenants;
  store: ManifestStore;
  desk: ManifestDesk;
  sources: SourceIndex;
  gate: PolicyGate;
  ledger: AdmissionLedger;
  capacity: Capacity;
  /** Who is held back from publishing, and why. */
  publishing: Pick<PublishWatch, "reason">;
  scaler: Pick<Autoscaler, "observe" | "forget">;
  enqueue: (driver: ObjectKey) => void;
}

/** What was changed on the bus by hand is put right after this, and a signal that was lost is made up for. */
const RESYNC_MS = 5 * 60_000;
const RETRY_MS = { unknown: 500, unavailable: 5_000, refused: 30_000 };
const AGAIN_MS: Record<BusOutcome["state"], number> = {
  ready: RESYNC_MS,
  // Trying again is of no use.
  invalid: RESYNC_MS,
  waiting: RETRY_MS.unavailable,
  unavailable: RETRY_MS.unavailable,
  refused: RETRY_MS.refused,
};
const DRAIN_POLL_MS = 200;

/** What became of a Driver's pods. */
interface RolledOut {
  review: Review;
  rollout?: RolloutOutcome;
  shortage?: Shortage | undefined;
  scaled?: Scaled;
}

/** Makes a Driver be what its spec says: observe, decide, apply, tell. */
export class DriverReconciler {
  readonly #options: DriverReconcilerOptions;
  readonly #presence: Presence;
  readonly #standing: Standing;
  readonly #succession: Succession;
  readonly #revisions: RevisionHistory;

  constructor(options: DriverReconcilerOptions) {
    this.#options = options;
    this.#presence = new Presence(options);
    this.#standing = new Standing(options);
    this.#succession = new Succession(options);
    this.#revisions = new RevisionHistory(options.cluster);
  }

  async reconcile(key: ObjectKey): Promise<ReconcileResult> {
    const { cluster, gate, ledger, scaler } = this.#options;
    const driver = await cluster.get(KINDS.Driver, key);
    await this.#succession.follow(key, driver?.metadata.uid);
    if (!driver || driver.metadata.deletionTimestamp) {
      ledger.forget(key);
      await this.#presence.tell(key, undefined);
      if (driver) {
        this.#standing.forget(driver.metadata.uid ?? "");
        scaler.forget(driver.metadata.uid ?? "");
      }
      return driver ? this.#remove(driver) : this.#forget(key);
    }
    const admission = await gate.admit(driver);
    if (admission.state === "unknown") return { requeueAfterMs: RETRY_MS.unknown };
    const { policies, state } = admission;
    ledger.set(
      key,
      policies.map((policy) => policy.name),
      state === "refused" ? admission.by : undefined,
    );
    await this.#presence.tell(key, { uid: driver.metadata.uid ?? "", isAdmitted: state === "admitted" });
    // What it would decide is not carried out.
    if (isPaused(driver)) scaler.forget(driver.metadata.uid ?? "");
    const isUngoverned = state === "admitted" && policies.length === 0;
    if (isPaused(driver) && isUngoverned) return this.#limitShared(driver);
    const kept = driver.metadata.finalizers?.includes(FINALIZER)
      ? driver
      : await addFinalizer(cluster, KINDS.Driver, driver, FINALIZER);
    return state === "admitted" ? this.#ensure(kept, admission) : this.#revoke(kept, admission.refusal);
  }

  async #limitShared(driver: Driver): Promise<ReconcileResult> {
    const read = readSpec(driver);
    const { state } = await limitShared(driver, "spec" in read ? read.spec : undefined, this.#options);
    return state === "ready" ? {} : { requeueAfterMs: AGAIN_MS[state] };
  }

  #forget(key: ObjectKey): ReconcileResult {
    const { store, desk, sources } = this.#options;
    store.forget(key.namespace, key.name);
    desk.forget(key);
    sources.set(key, undefined);
    this.#revisions.forget(key);
    this.#options.capacity.forget(key);
    return {};
  }

  async #remove(driver: Driver): Promise<ReconcileResult> {
    const { statuses } = this.#options;
    const outcome = await remove(this.#options, driver);
    if (outcome.state === "gone") {
      this.#succession.forget(driver.metadata);
      return {};
    }
    if (outcome.state === "draining") return { requeueAfterMs: DRAIN_POLL_MS };
    const status = removalStatus(driver, statuses.latest(driver), outcome.bus, this.#options.clock.now());
    await statuses.write(KINDS.Driver, driver, status);
    return { requeueAfterMs: RETRY_MS.unavailable };
  }

  async #revoke(driver: Driver, refusal: Refusal): Promise<ReconcileResult> {
    this.#standing.forget(driver.metadata.uid ?? "");
    const { bus, observed } = await revoke(this.#options, driver);
    return this.#tell(driver, observed, { accepted: false, ...refusal, revoked: true }, bus);
  }

  async #ensure(driver: Driver, admission: Admitted): Promise<ReconcileResult> {
    const { tenants, sources, bus, publishing } = this.#options;
    const { namespace = "", name } = driver.metadata;
    const read = readSpec(driver);
    const spec = "spec" in read ? read.spec : undefined;
    sources.set({ namespace, name }, sourceConfigMap(spec));
    const tenant = tenants.get(namespace);
    // Nothing is known of the bus yet: its reconciler calls again when it is.
    if (!tenant) return { requeueAfterMs: RETRY_MS.unavailable };
    const [observed, stored] = await Promise.all([
      Observed.of(this.#options.cluster, driver),
      this.#options.store.all(driver),
    ]);
    const reviewed: Review = spec
      ? await this.#review(driver, spec, stored, tenant.spec)
      : { accepted: false, reason: "Invalid", message: "problem" in read ? read.problem : "" };
    const governedBy = policiesHash(admission.policies);
    const granted = reviewed.accepted || governedBy !== undefined ? spec : undefined;
    if (!granted) {
      const limited = await limitShared(driver, spec, this.#options);
      return this.#tell(driver, observed, reviewed, limited);
    }
    const { peers, absent } = await this.#peers(driver, granted);
    const shared = await sharedWith(driver, granted, this.#options);
    const quotas = quotasOf(granted, observed.pods.length, accountQuotas(admission.policies));
    const given =
      tenant.outcome.state === "ready"
        ? await ensureBusAccess(
            bus,
            driver,
            granted,
            { peers, shared },
            {
              quotas,
              heldBack: publishing.reason(driver.metadata.uid ?? ""),
            },
          )
        : notWithout(tenant.outcome);
    if (given.state !== "ready") await limitShared(driver, granted, this.#options);
    const access =
      governedBy === undefined ? given : await this.#standing.holdAccess(driver, governedBy, given);
    const template = reviewed.accepted ? reviewed.template.hash : undefined;
    if (governedBy !== undefined && (await this.#standing.holdPods(driver, governedBy, template, observed)))
      return { requeueAfterMs: RETRY_MS.unknown };
    if (isPaused(driver)) return { requeueAfterMs: AGAIN_MS[access.state] };
    if (!reviewed.accepted) return this.#tell(driver, observed, reviewed, access);
    const result = await this.#rollOut(driver, reviewed, access, observed, governedBy);
    return this.#tell(driver, observed, result.review, access, {
      ...result,
      absent: [...absent, ...reviewed.absentModels],
    });
  }

  async #review(
    driver: Driver,
    spec: DriverSpec,
    stored: StoredManifests,
    bus: EventBusSpec,
  ): Promise<Review> {
    const { cluster, release, desk } = this.#options;
    const source = await readSource(cluster, driver.metadata.namespace ?? "", spec);
    const models = await readModels(cluster, driver.metadata.namespace ?? "", spec);
    const known = "text" in source ? knownManifest(spec, source.text, stored) : undefined;
    const last = [...stored.values()].at(-1)?.manifest;
    const maxEventBytes = quantityBytes(bus.maxEventBytes);
    const reviewed = review({ driver, spec, release, source, maxEventBytes, known, last, models });
    if (!reviewed.accepted) return reviewed;
    const manifest = reviewed.manifest ?? stored.get(reviewed.template.hash)?.manifest;
    const refused = desk.refused(driver, reviewed.template.hash);
    if (!refused) return { ...reviewed, manifest };
    const { reason, message } = refused.verdict;
    if (reason !== "CapabilitiesMissing") return { accepted: false, reason, message };
    return { ...reviewed, manifest: refused.manifest, missing: refused.verdict.missing };
  }

  async #peers(driver: Driver, spec: DriverSpec) {
    const { namespace = "" } = driver.metadata;
    const named = namedPeers(spec.capabilities);
    if (!named.all && named.names.size === 0) return { peers: new Map<string, string>(), absent: [] };
    const tenant = await this.#options.cluster.list(KINDS.Driver, { namespace });
    const candidates = named.all ? tenant : tenant.filter(({ metadata }) => named.names.has(metadata.name));
    const peers = presentPeers(driver, named, await this.#options.gate.admitted(namespace, candidates));
    const absent = [...named.names].filter((name) => name !== driver.metadata.name && !peers.has(name));
    return { peers, absent };
  }

  /** Pods are changed only where they may run; what runs already is kept as it is wanted, without the bus too. */
  async #rollOut(
    driver: Driver,
    reviewed: Accepted,
    access: BusOutcome,
    observed: Observed,
    admittedBy: string | undefined,
  ): Promise<RolledOut> {
    if (access.state === "invalid")
      return { review: { accepted: false, reason: "Invalid", message: access.message } };
    const { hash } = reviewed.template;
    const there = observed.deployment(driver);
    const runs = there?.metadata.labels?.[LABELS.template] === hash;
    if (!runs && (access.state !== "ready" || reviewed.missing.length > 0)) return { review: reviewed };
    const { cluster, release, store, capacity } = this.#options;
    const { spec, data, template } = reviewed;
    const scaled = scaledPods(this.#options, driver, reviewed, observed);
    const replicas = scaled?.replicas ?? spec.replicas;
    const isNew = !runs || there?.spec.replicas !== replicas;
    const rolled = { driver, template: template.template, hash, replicas, observed };
    const shortage = await capacity.shortage(rolled, isNew);
    const children = desiredChildren({
      driver,
      spec,
      release,
      template,
      data,
      replicas,
      ...(admittedBy !== undefined && { admittedBy }),
    });
    const rollout = await rollOut(cluster, driver, children, observed);
    if (rollout.state === "refused" || rollout.state === "taken") {
      const reason = rollout.state === "taken" ? "NameTaken" : "Refused";
      return { review: { accepted: false, reason, message: rollout.message } };
    }
    if (rollout.state === "done") {
      const templates = templatesInUse(driver, hash, observed);
      await deleteAll(cluster, superfluous(driver, children, templates, observed));
      await store.retain(driver, templates);
    }
    return { review: reviewed, rollout, shortage, ...(scaled && { scaled }) };
  }

  async #tell(
    driver: Driver,
    observed: Observed,
    reviewed: Review,
    access: BusOutcome,
    more: Partial<RolledOut> & { absent?: readonly string[] } = {},
  ): Promise<ReconcileResult> {
    const { statuses, clock, scaler } = this.#options;
    const { rollout, shortage, absent = [], scaled } = more;
    // It was not asked, so nothing is carried out of what it would decide.
    if (!scaled) scaler.forget(driver.metadata.uid ?? "");
    const manifest = reviewed.accepted ? reviewed.manifest : undefined;
    const deployment = rollout?.state === "done" ? rollout.deployment : undefined;
    const latest = { ...driver, ...statusOf(statuses.latest(driver)) };
    const status = driverStatus({
      driver: latest,
      review: reviewed,
      bus: access,
      deployment: deployment ?? observed.deployment(driver),
      pods: observed.pods,
      shortage,
      forbidden: rollout?.state === "forbidden" ? rollout.message : undefined,
      manifest: manifest && { manifest, hash: manifestHash(manifest) },
      unsubscribed: reviewed.accepted && manifest ? unsubscribed(manifest, reviewed.file) : [],
      absentPeers: absent,
      network: this.#options.release,
      scaled,
      now: clock.now(),
    });
    const currentRevision =
      reviewed.accepted && isProven(status)
        ? await this.#revisions.ran(latest, reviewed.spec)
        : latest.status?.currentRevision;
    await statuses.write(KINDS.Driver, driver, { ...status, ...(currentRevision && { currentRevision }) });
    return { requeueAfterMs: rollout?.state === "forbidden" ? RETRY_MS.refused : AGAIN_MS[access.state] };
  }
}

const statusOf = (status: Driver["status"]) => (status ? { status } : {});

/** The manifest that this code has shown before, where the same code can't show another. */
function knownManifest(spec: DriverSpec, text: string | undefined, stored: StoredManifests) {
  if (text === undefined) return undefined;
  const code = codeHash(spec, templateData({} as never, text));
  return code === undefined
    ? undefined
    : [...stored.values()].findLast((entry) => entry.code === code)?.manifest;
}

function notWithout(tenant: BusOutcome): BusOutcome {
  const message = "message" in tenant ? tenant.message : "";
  if (tenant.state === "unavailable") return { state: "unavailable", message };
  return { state: "waiting", message: `the namespace's EventBus is not ready: ${message}` };
}
