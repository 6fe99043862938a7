import {
  type Driver,
  type DriverFile,
  type Manifest,
  type ManifestReport,
  type ManifestVerdict,
  manifestHash,
} from "@vextir/api";
import type { Clock } from "../../clock.ts";
import type { Cluster, ObjectKey } from "../../cluster.ts";
import { KINDS } from "../../kinds.ts";
import { codeHash, readDriverFile } from "../driver-file.ts";
import { childNames } from "../names.ts";
import { judge, type Verdict } from "./judge.ts";
import type { ManifestStore } from "./manifest-store.ts";
import { TimeLimitError } from "./time-limit.ts";

export interface ManifestDeskOptions {
  cluster: Cluster;
  store: ManifestStore;
  clock: Clock;
  /** A driver's manifest was accepted or refused. */
  changed: (driver: ObjectKey) => void;
  judged?: (verdict: ManifestVerdict) => void;
}

export interface RefusedManifest {
  manifest: Manifest;
  verdict: Verdict & { accepted: false };
}

/** The last judgement of a driver's manifest. */
interface Judgement {
  uid: string;
  template: string;
  manifest: string;
  /** Until then no other manifest of the driver is judged. */
  pauseUntil: number;
  verdict: Verdict;
  /** The machine may have had no time: judged again after the pause. */
  isFinal: boolean;
  refused?: RefusedManifest;
}

/** A manifest larger than this would not fit its ConfigMap beside others. */
const MAX_MANIFEST_BYTES = 262_144;
/** Between judging two different manifests of one driver; after one that took too long. */
const PAUSE_MS = { usual: 2_000, slow: 20_000 };

/** Decides whether a pod's code may run as its driver, by the very file that the pod runs with. */
export class ManifestDesk {
  readonly #options: ManifestDeskOptions;
  /** By driver. */
  readonly #judgements = new Map<string, Judgement>();

  constructor(options: ManifestDeskOptions) {
    this.#options = options;
  }

  /** Why the last report of this template was refused; undefined when it was not, or none came since the start. */
  refused(driver: Driver, template: string): RefusedManifest | undefined {
    const last = this.#judgements.get(keyOf(driver.metadata));
    if (!last || last.uid !== driver.metadata.uid || last.template !== template) return undefined;
    return last.refused;
  }

  forget(key: ObjectKey): void {
    this.#judgements.delete(keyOf(key));
  }

  /** Answers a report; an accepted manifest is stored before the pod hears of it. */
  async report(namespace: string, name: string, report: ManifestReport): Promise<ManifestVerdict> {
    const verdict = await this.#answer({ namespace, name }, report);
    this.#options.judged?.(verdict);
    return verdict;
  }

  async #answer(key: ObjectKey, report: ManifestReport): Promise<ManifestVerdict> {
    const { cluster, store, clock, changed } = this.#options;
    const { manifest, templateHash } = report;
    if (!/^[0-9a-f]{8}$/.test(templateHash)) return refusal("UnknownTemplate", "the template's hash is none");
    if (JSON.stringify(manifest).length > MAX_MANIFEST_BYTES)
      return refusal("ManifestTooLarge", `a manifest has at most ${MAX_MANIFEST_BYTES} bytes`);
    const driver = await cluster.get(KINDS.Driver, key);
    if (!driver?.metadata.uid) return refusal("UnknownDriver", "there is no such Driver");
    const hash = manifestHash(manifest);
    const accepted = (await store.all(driver)).get(templateHash);
    if (accepted && manifestHash(accepted.manifest) === hash) return ACCEPTED;
    const last = this.#judgements.get(keyOf(key));
    if (last?.isFinal && last.refused && isRepeated(last, driver, templateHash, hash))
      return verdictOf(last.verdict);
    if (last && clock.now() < last.pauseUntil)
      return refusal("Busy", "a manifest of this driver was judged a moment ago; ask again");
    const template = await cluster.get(KINDS.ConfigMap, {
      ...(key.namespace && { namespace: key.namespace }),
      name: childNames.template(key.name, templateHash),
    });
    const own = template?.metadata.ownerReferences?.some((owner) => owner.uid === driver.metadata.uid);
    const file = own ? readDriverFile(template?.data) : undefined;
    if (!file) return refusal("UnknownTemplate", `no template ${templateHash} of this driver is known`);
    const { verdict } = this.#judge(driver, report, hash, file);
    if (verdict.accepted) {
      const code = codeHash(driver.spec, template?.data);
      await store.put(driver, templateHash, { manifest, ...(code && { code }) });
    }
    changed(key);
    return verdictOf(verdict);
  }

  #judge({ metadata }: Driver, report: ManifestReport, hash: string, file: DriverFile): Judgement {
    const { manifest, templateHash: template } = report;
    const about = { uid: metadata.uid ?? "", template, manifest: hash };
    const pauseUntil = (ms: number) => this.#options.clock.now() + ms;
    let judgement: Judgement;
    try {
      const verdict = judge(manifest, file);
      judgement = { ...about, verdict, isFinal: true, pauseUntil: pauseUntil(PAUSE_MS.usual) };
    } catch (error) {
      if (!(error instanceof TimeLimitError)) throw error;
      const message = `checking the configuration by the manifest's schema was ${error.message}`;
      const verdict = { accepted: false, reason: "ConfigInvalid", message } as const;
      judgement = { ...about, verdict, isFinal: false, pauseUntil: pauseUntil(PAUSE_MS.slow) };
    }
    const { verdict } = judgement;
    if (!verdict.accepted) judgement.refused = { manifest, verdict };
    this.#judgements.set(keyOf(metadata), judgement);
    return judgement;
  }
}

const isRepeated = (last: Judgement, { metadata }: Driver, template: string, manifest: string) =>
  last.uid === metadata.uid && last.template === template && last.manifest === manifest;
const keyOf = ({ namespace, name }: ObjectKey) => `${namespace ?? ""}/${name}`;
const refusal = (reason: string, message: string): ManifestVerdict => ({ accepted: false, reason, message });
const ACCEPTED: ManifestVerdict = {
  accepted: true,
  reason: "Accepted",
  message: "the manifest fits the Driver",
};
const verdictOf = (verdict: Verdict): ManifestVerdict =>
  verdict.accepted ? ACCEPTED : refusal(verdict.reason, verdict.message);
