import { randomBytes } from "node:crypto";
import { KEYS, SECRETS } from "../bootstrap/names.ts";
import type { OwnSecrets, SecretData } from "../bootstrap/secrets.ts";
import { createRealm, type KeyMaterial, KeyState } from "../bus/index.ts";

/** Where the key material is kept. */
export interface KeyStore {
  read(): Promise<KeyMaterial | undefined>;
  /** What others wrote in the meantime is not lost: `change` is asked again then. @returns what is there afterwards. */
  edit(change: (material: KeyMaterial) => KeyMaterial): Promise<KeyMaterial>;
}

/** In a Secret of the operator's namespace, all in one: each step of a rotation is one write. */
export class SecretKeyStore implements KeyStore {
  readonly #secrets: OwnSecrets;

  constructor(secrets: OwnSecrets) {
    this.#secrets = secrets;
  }

  async read(): Promise<KeyMaterial | undefined> {
    const data = await this.#secrets.read(SECRETS.master);
    return data && materialOf(data);
  }

  /** For the leader: what is there, made where it is absent, and completed where an earlier release made it. */
  async ensure(): Promise<KeyMaterial> {
    const data = await this.#secrets.readOrCreate(SECRETS.master, () => ({
      [KEYS.master]: randomBytes(32),
      [KEYS.nextMaster]: randomBytes(32),
      [KEYS.identity]: randomBytes(32),
    }));
    if (data[KEYS.nextMaster] && data[KEYS.identity]) return materialOf(data);
    materialOf(data);
    await this.#secrets.edit(SECRETS.master, (known) => ({
      ...{ [KEYS.nextMaster]: randomBytes(32), [KEYS.identity]: known[KEYS.master] ?? Buffer.alloc(0) },
      ...known,
    }));
    return materialOf((await this.#secrets.read(SECRETS.master)) ?? {});
  }

  async edit(change: (material: KeyMaterial) => KeyMaterial): Promise<KeyMaterial> {
    let changed: KeyMaterial | undefined;
    await this.#secrets.edit(SECRETS.master, (data) => {
      changed = change(materialOf(data));
      return dataOf(changed);
    });
    if (!changed) throw new TypeError(`Secret ${SECRETS.master} was not written`);
    return changed;
  }
}

/**
 * Before there were rotations the accounts' ids followed from the master; they stay what they are. Until the leader has
 * made the next master, a replica goes without: it needs none to say who somebody is.
 * @throws TypeError when the Secret lacks the master.
 */
export function materialOf(data: SecretData): KeyMaterial {
  const master = data[KEYS.master];
  if (master?.length !== 32)
    throw new TypeError(
      `Secret ${SECRETS.master} has no key ${KEYS.master} of 32 bytes: restore it from a backup, or delete it to begin anew`,
    );
  const {
    [KEYS.identity]: identity = master,
    [KEYS.nextMaster]: next,
    [KEYS.previousMaster]: previous,
  } = data;
  const state = KeyState.parse(JSON.parse(data[KEYS.keyState]?.toString() ?? "{}"));
  return { identity, master, next: next ?? createRealm(master).material.next, previous, state };
}

function dataOf({ identity, master, next, previous, state }: KeyMaterial): SecretData {
  return {
    [KEYS.identity]: Buffer.from(identity),
    [KEYS.master]: Buffer.from(master),
    [KEYS.nextMaster]: Buffer.from(next),
    ...(previous && { [KEYS.previousMaster]: Buffer.from(previous) }),
    [KEYS.keyState]: Buffer.from(JSON.stringify(state)),
  };
}
