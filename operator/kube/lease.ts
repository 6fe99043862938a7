import { ClusterError } from "../cluster.ts";
import { KINDS, type Lease } from "../kinds.ts";
import { micro } from "./event-recorder.ts";
import type { KubeApi, Sent } from "./kube-api.ts";

/** One Lease object as an elector sees it. Throws `ClusterError`; `Conflict` when another one wrote it first. */
export class LeaseRecord {
  readonly #api: KubeApi;
  readonly #key: { namespace: string; name: string };
  #lease: Sent<Lease> | undefined;

  constructor(api: KubeApi, key: { namespace: string; name: string }) {
    this.#api = api;
    this.#key = key;
  }

  /** Empty: nobody's. */
  get holder(): string {
    return this.#lease?.spec?.holderIdentity ?? "";
  }

  /** How long its holder asked to be left alone; undefined: not said. */
  get durationMs(): number | undefined {
    const seconds = this.#lease?.spec?.leaseDurationSeconds;
    return seconds === undefined ? undefined : seconds * 1_000;
  }

  /** Differs whenever anybody wrote it. */
  get version(): string {
    return this.#lease?.metadata.resourceVersion ?? "";
  }

  async read(deadlineMs: number): Promise<void> {
    this.#lease = await this.#api.get(KINDS.Lease, this.#key, deadlineMs);
  }

  /** Makes `holder` its holder, or keeps it so. Nothing else may have been written since it was read. */
  async write(holder: string, durationMs: number, deadlineMs: number): Promise<void> {
    const now = micro(new Date());
    const { acquireTime, leaseTransitions = 0 } = this.#lease?.spec ?? {};
    const changes = holder !== this.holder;
    const spec = {
      holderIdentity: holder,
      leaseDurationSeconds: Math.max(1, Math.ceil(durationMs / 1_000)),
      acquireTime: changes ? now : (acquireTime ?? now),
      renewTime: now,
      leaseTransitions: changes && holder !== "" ? leaseTransitions + 1 : leaseTransitions,
    };
    this.#lease = this.#lease
      ? await this.#api.replace(KINDS.Lease, { ...this.#lease, spec }, deadlineMs)
      : await this.#create(spec);
  }

  async #create(spec: NonNullable<Lease["spec"]>): Promise<Sent<Lease>> {
    const { apiVersion, kind } = KINDS.Lease;
    return this.#api.create(KINDS.Lease, { apiVersion, kind, metadata: this.#key, spec });
  }
}

export const isConflict = (error: unknown) =>
  error instanceof ClusterError && (error.code === "Conflict" || error.code === "NotFound");
