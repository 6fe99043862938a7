import { randomUUID } from "node:crypto";
import { createRealm, type KeyMaterial, nameOf, type PinnedIds, type RotationTarget } from "../bus/index.ts";
import type { Cluster } from "../cluster.ts";
import { KINDS } from "../kinds.ts";
import type { KeyStore } from "./key-store.ts";

/** What is to be rotated. */
export type RotationRequest =
  /** Of one driver: the key that its pods' connections are signed with. */
  | { kind: "driver"; namespace: string; name: string }
  /** Of a tenant: those of its bus and of all its drivers. */
  | { kind: "tenant"; namespace: string }
  /** The key that signs all accounts. */
  | { kind: "operator" }
  /** The secret that all keys follow from. */
  | { kind: "master" };

export interface RotationStatus {
  /** Under way: who it is for, and how far. */
  rotation?: { id: string; what: string; phase: string };
  /** The one before. `message`: what is left to a person, or why it was refused. */
  last?: { id: string; what: string; outcome: "Done" | "Refused"; message: string };
  /** The master before is still there: servers that were not restarted know it. */
  awaitsRestart: boolean;
}

export type RotationErrorCode =
  /** Another rotation is under way. */
  | "Busy"
  /** There is no such driver or tenant. */
  | "NotFound"
  /** The operator has made no keys yet. */
  | "Unavailable";

export class RotationError extends Error {
  override readonly name = "RotationError";
  readonly code: RotationErrorCode;
  constructor(code: RotationErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Begins rotations and tells how far they are, at any replica: the leader does the work. */
export class KeyRotations {
  readonly #store: KeyStore;
  readonly #cluster: Pick<Cluster, "list">;
  readonly #pinned: Pick<PinnedIds, "get">;

  constructor(parts: {
    store: KeyStore;
    cluster: Pick<Cluster, "list">;
    pinned: Pick<PinnedIds, "get">;
  }) {
    this.#store = parts.store;
    this.#cluster = parts.cluster;
    this.#pinned = parts.pinned;
  }

  /** @returns the rotation's id. @throws RotationError, ClusterError */
  async begin(request: RotationRequest): Promise<string> {
    const target = await this.#target(request);
    const id = randomUUID();
    await this.#store.edit((material) => {
      const { rotation } = material.state;
      if (rotation)
        throw new RotationError(
          "Busy",
          `the rotation of ${nameOf(rotation.target)} is under way (${rotation.phase})`,
        );
      if (target.kind === "master" && material.previous)
        throw new RotationError(
          "Busy",
          "the master secret of before is still known to NATS servers that were not restarted: restart them first",
        );
      return { ...material, state: { ...material.state, rotation: { id, target, phase: "adding" } } };
    });
    return id;
  }

  /** @throws RotationError `Unavailable`, ClusterError */
  async status(): Promise<RotationStatus> {
    const { state, previous } = await this.#material();
    const { rotation, last } = state;
    return {
      ...(rotation && {
        rotation: { id: rotation.id, what: nameOf(rotation.target), phase: rotation.phase },
      }),
      ...(last && { last }),
      awaitsRestart: previous !== undefined && rotation === undefined,
    };
  }

  async #target(request: RotationRequest): Promise<RotationTarget> {
    if (request.kind === "operator" || request.kind === "master") return { kind: request.kind };
    const { namespace } = request;
    const realm = createRealm(await this.#material());
    const idOf = (uid: string) => realm.driverAccount(uid).id;
    const drivers = await this.#cluster.list({ ...KINDS.Driver, metadataOnly: true }, { namespace });
    if (request.kind === "driver") {
      const uid = drivers.find(({ metadata }) => metadata.name === request.name)?.metadata.uid;
      const what = `driver ${namespace}/${request.name}`;
      if (!uid) throw new RotationError("NotFound", `there is no ${what}`);
      return { kind: "accounts", what, ids: [idOf(uid)] };
    }
    const bus = await this.#pinned.get(namespace);
    if (!bus) throw new RotationError("NotFound", `namespace ${namespace} has no bus`);
    const ids = drivers.flatMap(({ metadata }) => (metadata.uid ? [idOf(metadata.uid)] : []));
    return { kind: "accounts", what: `tenant ${namespace}`, ids: [bus, ...ids] };
  }

  async #material(): Promise<KeyMaterial> {
    const material = await this.#store.read();
    if (!material) throw new RotationError("Unavailable", "the operator has made no keys yet: try again");
    return material;
  }
}
