import { z } from "zod";

/**
 * One rotation at a time; the leader advances it, every replica follows what is written. Killed at any point it goes on where it
 * is written to be: each step only repeats.
 *
 *     adding     the accounts take users of the old and the new key; users are still signed with the old one
 *     switching  users are signed with the new one, as soon as each replica has read so
 *     retiring   the accounts take the new key alone: connections of the old one are closed, and come back by themselves
 *
 * - `accounts`: all three, for these accounts.
 * - `operator`: `adding` alone: every account is signed again, with the operator's next key, which NATS trusts from the start.
 * - `master`: all three, for every account; in `adding` the accounts are signed with the next master's key too, between `adding`
 *   and `switching` the next master becomes the master. The accounts of the realm itself take the old keys as long as there is
 *   a `previous` one: servers know them until they are restarted.
 */
export const PHASES = ["adding", "switching", "retiring"] as const;

const RotationTarget = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("accounts"),
    /** `driver team/assistant` or `tenant team`. */
    what: z.string().min(1),
    ids: z.array(z.string().min(1)).min(1),
  }),
  z.object({ kind: z.literal("operator") }),
  z.object({ kind: z.literal("master") }),
]);
export type RotationTarget = z.infer<typeof RotationTarget>;

const Rotation = z.object({
  id: z.string().min(1),
  target: RotationTarget,
  phase: z.enum(PHASES),
});
export type Rotation = z.infer<typeof Rotation>;

/** As people name it. */
export const nameOf = (target: RotationTarget) => (target.kind === "accounts" ? target.what : target.kind);

/** What of the keys is no secret: how often each was rotated, and the rotation that is under way. */
export const KeyState = z.object({
  /** Of the key that signs accounts. */
  operatorEpoch: z.number().int().min(1).default(1),
  /** Of the keys that sign an account's users, by the account's id; absent: 1. */
  accountEpochs: z.record(z.string(), z.number().int().min(2)).default({}),
  rotation: Rotation.optional(),
  /** What became of the one before. */
  last: z
    .object({
      id: z.string(),
      what: z.string(),
      outcome: z.enum(["Done", "Refused"]),
      /** What is to be done by a person, or why it was refused. */
      message: z.string(),
    })
    .optional(),
});
export type KeyState = z.infer<typeof KeyState>;

/** What all keys of the bus follow from. Secrets have 32 bytes. */
export interface KeyMaterial {
  /**
   * The accounts' ids follow from it, which JetStream's data hangs on, so it is never rotated. It signs nothing: nats-server takes
   * no user that an account's own id has signed (`strict_signing_key_usage`).
   */
  identity: Uint8Array;
  /** Everything that signs follows from it. */
  master: Uint8Array;
  /** The master after the next rotation: NATS trusts the key that it will sign accounts with. */
  next: Uint8Array;
  /** The one before, until every server was restarted with the keys of the master. */
  previous?: Uint8Array | undefined;
  state: KeyState;
}

/** Which of a master's keys: they differ by purpose, by what they are for, and by epoch. */
export interface KeyRef {
  master: Uint8Array;
  epoch: number;
}

/** With which key the account's users are signed, and whose users it takes. */
export interface Signers {
  sign: KeyRef;
  accept: KeyRef[];
}

/** Of an account of a tenant or a driver. */
export function accountSigners(material: KeyMaterial, id: string): Signers {
  const { master, next, previous, state } = material;
  const epoch = state.accountEpochs[id] ?? 1;
  const { rotation } = state;
  const current = { master, epoch };
  if (rotation?.target.kind === "accounts" && rotation.target.ids.includes(id)) {
    const fresh = { master, epoch: epoch + 1 };
    if (rotation.phase === "adding") return { sign: current, accept: [current, fresh] };
    return { sign: fresh, accept: rotation.phase === "switching" ? [current, fresh] : [fresh] };
  }
  if (rotation?.target.kind === "master") {
    if (rotation.phase === "adding") return { sign: current, accept: [current, { master: next, epoch }] };
    if (rotation.phase === "switching" && previous)
      return { sign: current, accept: [current, { master: previous, epoch }] };
  }
  return { sign: current, accept: [current] };
}

/** Of one of the realm's own accounts. */
export function realmSigners(material: KeyMaterial): Signers {
  const [sign, ...others] = realmMasters(material).map((master) => ({ master, epoch: 1 }));
  if (!sign) throw new RangeError("there is no master");
  return { sign, accept: [sign, ...others] };
}

/** The masters whose users the realm's own accounts know, the one in force first. */
export function realmMasters({ master, next, previous, state }: KeyMaterial): Uint8Array[] {
  const adds = state.rotation?.target.kind === "master" && state.rotation.phase === "adding";
  return [master, ...(adds ? [next] : []), ...(previous ? [previous] : [])];
}

/** The key that signs accounts. */
export function accountsSigner({ master, next, state }: KeyMaterial): KeyRef {
  const { rotation, operatorEpoch } = state;
  if (rotation?.target.kind === "operator") return { master, epoch: operatorEpoch + 1 };
  if (rotation?.target.kind === "master" && rotation.phase === "adding") return { master: next, epoch: 1 };
  return { master, epoch: operatorEpoch };
}

/** The keys that nats-server is to trust: the one in force, the next one, and the first of the next master. */
export function trustedSigners({ master, next, state }: KeyMaterial): KeyRef[] {
  const epoch = state.operatorEpoch;
  return [
    { master, epoch },
    { master, epoch: epoch + 1 },
    { master: next, epoch: 1 },
  ];
}

const RESTART =
  "restart the NATS servers one after the other: until then they trust the key before (kubectl rollout restart statefulset/vextir-nats)";

/** The material at the rotation's next step. @param fresh 32 random bytes, for when the next master becomes the master. */
export function advanced(material: KeyMaterial, fresh: Uint8Array): KeyMaterial {
  const { identity, master, next, state } = material;
  const { rotation } = state;
  if (!rotation) return material;
  const { target, phase } = rotation;
  const at = (phase: Rotation["phase"]): KeyState => ({ ...state, rotation: { ...rotation, phase } });
  if (target.kind === "operator")
    return ended(
      { ...material, state: { ...state, operatorEpoch: state.operatorEpoch + 1 } },
      "Done",
      RESTART,
    );
  if (phase === "retiring") return retired(material, target);
  if (phase === "switching") return { ...material, state: at("retiring") };
  if (target.kind === "accounts") return { ...material, state: at("switching") };
  return {
    identity,
    master: next,
    next: fresh,
    previous: master,
    state: { ...at("switching"), operatorEpoch: 1 },
  };
}

function retired(material: KeyMaterial, target: RotationTarget): KeyMaterial {
  if (target.kind !== "accounts") return ended(material, "Done", RESTART);
  const accountEpochs = { ...material.state.accountEpochs };
  for (const id of target.ids) accountEpochs[id] = (accountEpochs[id] ?? 1) + 1;
  return ended({ ...material, state: { ...material.state, accountEpochs } }, "Done", "");
}

/** Without its rotation. */
export function ended(material: KeyMaterial, outcome: "Done" | "Refused", message: string): KeyMaterial {
  const { rotation, ...state } = material.state;
  if (!rotation) return material;
  const last = { id: rotation.id, what: nameOf(rotation.target), outcome, message };
  return { ...material, state: { ...state, last } };
}

/** Every server was restarted: nothing of the master before is taken any more. */
export function forgotten({ previous: _gone, ...material }: KeyMaterial): KeyMaterial {
  return material;
}

/** As it is before anything was ever rotated. */
export const firstMaterial = (identity: Uint8Array, master: Uint8Array, next: Uint8Array): KeyMaterial => ({
  ...{ identity, master, next },
  state: KeyState.parse({}),
});
