import type { PinnedIds } from "../bus/index.ts";
import { KeyedLock } from "../bus/keyed-lock.ts";
import { SECRETS } from "./names.ts";
import type { OwnSecrets, SecretData } from "./secrets.ts";

/** The tenants' bus accounts in a Secret of the operator's namespace, one key per namespace. */
export class SecretPinnedIds implements PinnedIds {
  readonly #secrets: OwnSecrets;
  /** What was read or written; the leader alone writes, so it stays true. */
  readonly #known = new Map<string, string>();
  /** All tenants share the Secret, and at the start they all come at once. */
  readonly #lock = new KeyedLock();

  constructor(secrets: OwnSecrets) {
    this.#secrets = secrets;
  }

  async get(namespace: string): Promise<string | undefined> {
    const known = this.#known.get(namespace);
    if (known) return known;
    const id = (await this.#secrets.read(SECRETS.busAccounts))?.[namespace]?.toString();
    if (id) this.#known.set(namespace, id);
    return id;
  }

  async put(namespace: string, accountId: string): Promise<void> {
    await this.#edit((ids) => ({ ...ids, [namespace]: Buffer.from(accountId) }));
    this.#known.set(namespace, accountId);
  }

  async remove(namespace: string): Promise<void> {
    this.#known.delete(namespace);
    await this.#edit(({ [namespace]: _removed, ...rest }) => rest);
  }

  #edit(change: (ids: SecretData) => SecretData): Promise<void> {
    return this.#lock.run(SECRETS.busAccounts, () => this.#secrets.edit(SECRETS.busAccounts, change));
  }
}
