import { setTimeout as delay } from "node:timers/promises";
import type { NatsConnection } from "@nats-io/transport-node";
import { canonicalJson } from "@vextir/api";
import type { DesiredAccount } from "./account-claims.ts";
import { BusError } from "./authority.ts";
import { onBus } from "./bus-failure.ts";
import { type AccountClaims, readClaims } from "./claims.ts";
import { KeyedLock } from "./keyed-lock.ts";
import type { Realm } from "./realm.ts";
import { VerifiedState } from "./verified-state.ts";

/** An account as the server has it. */
export interface StoredAccount {
  id: string;
  name: string;
  /** Public key that signed it. */
  issuer: string;
  claims: Record<string, unknown>;
}

/** An account as it is pushed. */
interface SignedAccount extends DesiredAccount {
  /** Public key that signs it. */
  issuer: string;
}

const REQUEST_MS = 3_000;
/** Accounts named in one deletion: some 60 bytes each. */
const DELETED_AT_ONCE = 500;
/** Answers of all servers: done when none came for a while. */
const EVERY_SERVER = { strategy: "stall", maxWait: 1_000, stall: 100 } as const;
const VERIFY = { tries: 20, intervalMs: 50 };

/** The accounts that nats-server knows: pushed to its resolver over the system account. */
export class AccountStore {
  readonly #realm: Realm;
  readonly #connection: () => Promise<NatsConnection>;
  readonly #verified = new VerifiedState();
  readonly #locks = new KeyedLock();
  /** Seconds since 1970 at which the account was last issued, as far as known. */
  readonly #issuedAt = new Map<string, number>();

  constructor(realm: Realm, connection: () => Promise<NatsConnection>) {
    this.#realm = realm;
    this.#connection = connection;
  }

  /** Makes the server have the account; asks it nothing when it is known to. @returns whether it was pushed. */
  async ensure(account: DesiredAccount): Promise<boolean> {
    const { id } = account;
    if (this.#verified.holds(id, this.signed(account))) return false;
    return this.#locks.run(id, async () => {
      const wanted = this.signed(account);
      // What was there and differs needs no asking.
      const stored = this.#verified.knows(id) ? undefined : await this.lookup(id);
      const differs = !stored || !isStored(stored, wanted);
      if (differs) await this.push(wanted);
      this.#verified.set(id, wanted);
      return differs;
    });
  }

  /**
   * Signs the account that is there anew, with the keys of now, and leaves the rest of it, or what `change` makes of it.
   *
   * @returns whether it was pushed.
   */
  async resign(
    id: string,
    isWanted: (account: StoredAccount) => boolean,
    change: (claims: AccountClaims) => AccountClaims = (claims) => claims,
  ): Promise<boolean> {
    return this.#locks.run(id, async () => {
      const stored = await this.lookup(id);
      if (!stored || !isWanted(stored)) return false;
      const { type, version, signing_keys, ...claims } = stored.claims;
      const wanted = this.signed({ id, name: stored.name, claims: change(claims as AccountClaims) });
      if (isStored(stored, wanted)) return false;
      await this.push(wanted);
      this.#verified.set(id, wanted);
      return true;
    });
  }

  /** Makes the server have some account of this id; what there is stays. */
  async ensurePresent(account: DesiredAccount): Promise<void> {
    const { id } = account;
    if (this.#verified.knows(id) || this.#verified.knows(present(id))) return;
    await this.#locks.run(id, async () => {
      if (!(await this.find(id))) await this.push(this.signed(account));
      this.#verified.set(present(id), true);
    });
  }

  /**
   * Connections of the account are closed, its users refused. An absent one is no error. A server that is away now brings
   * the account back to the others when it returns (nats-server keeps no record of deletions), so accounts that nobody
   * owns have to be looked for now and then.
   */
  async remove(id: string): Promise<void> {
    await this.#locks.run(id, async () => {
      this.#verified.forget(id);
      this.#verified.forget(present(id));
      this.#issuedAt.delete(id);
      await this.request("$SYS.REQ.CLAIMS.DELETE", this.#realm.signDeletion([id]), `delete account ${id}`);
      if (await until(async () => !(await this.lookup(id)))) return;
      throw new BusError("Refused", `the bus says that it deleted account ${id}, but still has it`);
    });
  }

  /** Many at once; whether they are gone is not looked up. What is being pushed at this moment may outlive it. */
  async removeAll(ids: readonly string[]): Promise<void> {
    for (let from = 0; from < ids.length; from += DELETED_AT_ONCE) {
      const some = ids.slice(from, from + DELETED_AT_ONCE);
      for (const id of some) {
        this.#verified.forget(id);
        this.#verified.forget(present(id));
      }
      const token = this.#realm.signDeletion(some);
      await this.request("$SYS.REQ.CLAIMS.DELETE", token, `delete ${some.length} accounts`);
    }
  }

  /** The account as the server has it that answers first. */
  async lookup(id: string): Promise<StoredAccount | undefined> {
    const token = await onBus(`look up account ${id}`, async () => {
      const connection = await this.#connection();
      return (await connection.request(lookupOf(id), "", { timeout: REQUEST_MS })).string();
    });
    return token ? this.read(id, token) : undefined;
  }

  /** The account as any server has it: one of a cluster may have been away when it was made. */
  async find(id: string): Promise<StoredAccount | undefined> {
    const first = await this.lookup(id);
    if (first) return first;
    const token = await onBus(`look for account ${id}`, async () => {
      const connection = await this.#connection();
      for await (const answer of await connection.requestMany(lookupOf(id), "", EVERY_SERVER))
        if (answer.data.length > 0) return answer.string();
      return undefined;
    });
    return token ? this.read(id, token) : undefined;
  }

  /** Ids of all accounts. */
  async list(): Promise<string[]> {
    const answer = await this.request("$SYS.REQ.CLAIMS.LIST", "", "list the accounts");
    return Array.isArray(answer) ? answer.map(String) : [];
  }

  /** The bus was away: it may have come back with an older state. */
  forgetAll() {
    this.#verified.clear();
  }

  /**
   * The server answers "updated" before it has checked who signed, hence the lookup. That the signer is trusted is known:
   * the servers were asked before it became the signer.
   */
  private async push(account: SignedAccount): Promise<void> {
    const { id, name, claims } = account;
    const issuedAt = this.nextIssuedAt(id);
    const jwt = this.#realm.signAccount(id, name, claims, issuedAt);
    await this.request("$SYS.REQ.CLAIMS.UPDATE", jwt, `update account ${name}`);
    this.#issuedAt.set(id, issuedAt);
    const arrived = await until(async () => {
      const stored = await this.lookup(id);
      return stored !== undefined && isStored(stored, account);
    });
    if (!arrived)
      throw new BusError("Refused", `the bus says that it updated account ${name}, but has another one`);
  }

  /** With the keys of this moment. */
  private signed({ id, name, claims }: DesiredAccount): SignedAccount {
    const { accepted } = this.#realm.accountKeys(id);
    return { id, name, issuer: this.#realm.signer, claims: { ...claims, signing_keys: [...accepted] } };
  }

  /** Servers that differ take the account that was issued later, in whole seconds: so no two of a second. */
  private nextIssuedAt(id: string): number {
    return Math.max(Math.floor(Date.now() / 1000), (this.#issuedAt.get(id) ?? 0) + 1);
  }

  private read(id: string, token: string): StoredAccount {
    const { name, iss, iat, nats } = readClaims(token);
    this.#issuedAt.set(id, Math.max(Number(iat), this.#issuedAt.get(id) ?? 0));
    return { id, name: String(name), issuer: String(iss), claims: nats as Record<string, unknown> };
  }

  private async request(subject: string, body: string, doing: string): Promise<unknown> {
    const answer = await onBus(doing, async () => {
      const connection = await this.#connection();
      return (await connection.request(subject, body, { timeout: REQUEST_MS })).json<{
        data?: unknown;
        error?: { description?: string };
      }>();
    });
    if (!answer.error) return answer.data;
    throw new BusError(
      "Refused",
      `the bus could not ${doing}: ${answer.error.description ?? "no reason given"}`,
    );
  }
}

function isStored(stored: StoredAccount, { name, issuer, claims }: SignedAccount): boolean {
  const { type, version, ...rest } = stored.claims;
  return stored.issuer === issuer && stored.name === name && canonicalJson(rest) === canonicalJson(claims);
}

/** Key of what is only known to be there. */
const present = (id: string) => `present:${id}`;

const lookupOf = (id: string) => `$SYS.REQ.ACCOUNT.${id}.CLAIMS.LOOKUP`;

/** A cluster's servers each answer a lookup, and the first to answer need not be the first to have been told. */
async function until(holds: () => Promise<boolean>): Promise<boolean> {
  for (let i = 0; i < VERIFY.tries; i++) {
    if (await holds()) return true;
    await delay(VERIFY.intervalMs);
  }
  return false;
}
