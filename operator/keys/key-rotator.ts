import { randomBytes } from "node:crypto";
import type { Logger } from "pino";
import { backoffMs } from "../backoff.ts";
import {
  advanced,
  type BusError,
  ended,
  forgotten,
  type KeyMaterial,
  nameOf,
  type Realm,
  type Rotation,
  type ServerTrust,
} from "../bus/index.ts";
import { pause, type Timing } from "../timing.ts";
import { FOLLOW_KEYS_MS } from "./key-follower.ts";
import type { KeyStore } from "./key-store.ts";

/** The part of the bus authority that a rotation needs. */
export interface RotatingBus {
  /** Makes the accounts of the realm itself be as they are now. */
  ensureRealm(): Promise<void>;
  /** Signs these accounts, or all, with the keys that the realm has now. */
  resignAccounts(ids?: readonly string[]): Promise<number>;
  serverTrust(): Promise<readonly ServerTrust[]>;
}

export interface KeyRotatorOptions {
  store: KeyStore;
  /** The leader's own. */
  realm: Realm;
  bus: RotatingBus;
  /** Servers there should be. */
  servers: number;
  /** Writes what servers read at their next start. */
  publish: () => Promise<void>;
  timing: Timing;
  log: Logger;
  /** How often replicas read the keys. */
  followMs?: number;
}

/** Until each replica has read what was written; one that has not by then is refused until it has. */
const SETTLE_READS = 3;
const RETRY = { baseMs: 500, maxMs: 15_000 };

/** The leader's part of the rotations: see the states in bus/key-material.ts. */
export class KeyRotator {
  readonly #options: Required<KeyRotatorOptions>;
  /** Whether the accounts of the realm are known to be as they should. */
  #isSettled = false;

  constructor(options: KeyRotatorOptions) {
    this.#options = { followMs: FOLLOW_KEYS_MS, ...options };
  }

  /** Until aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { timing, log, followMs } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const goesOn = await this.step(signal);
        failures = 0;
        if (!goesOn) await pause(timing, followMs, signal);
      } catch (err) {
        failures++;
        const away = (err as BusError).code === "Unavailable";
        if (!away || failures === 1) log.warn({ err, failures }, "the rotation of keys waits");
        await pause(timing, backoffMs(failures, RETRY), signal);
      }
    }
  }

  /** @returns whether there is more to do at once. @throws BusError, ClusterError */
  async step(signal: AbortSignal): Promise<boolean> {
    const { store, realm } = this.#options;
    const material = await store.read();
    if (!material) return false;
    realm.use(material);
    const { rotation } = material.state;
    if (rotation) return this.#advance(rotation, signal);
    if (material.previous) return this.#forget();
    if (!this.#isSettled) await this.#settle();
    return false;
  }

  async #advance(rotation: Rotation, signal: AbortSignal): Promise<boolean> {
    const { bus, log, timing, followMs } = this.#options;
    const { target, phase } = rotation;
    const what = nameOf(target);
    this.#isSettled = false;
    if (phase === "adding" && target.kind !== "accounts") {
      const why = await this.#distrusted();
      if (why) {
        log.warn({ rotation: what, why }, "the rotation of keys was refused");
        await this.#write(rotation, (material) => ended(material, "Refused", why));
        // A server may have gone away when some were signed already.
        await bus.resignAccounts();
        return true;
      }
    }
    if (phase === "switching") await pause(timing, SETTLE_READS * followMs, signal);
    else await bus.resignAccounts(target.kind === "accounts" ? target.ids : undefined);
    if (signal.aborted) return false;
    await this.#write(rotation, (material) => advanced(material, randomBytes(32)));
    log.info({ rotation: what, done: phase }, "keys are rotated");
    if (target.kind !== "accounts") await this.#options.publish();
    return true;
  }

  /** Of the rotation that was worked on only, and where it was then: another leader may have gone on with it. */
  async #write(rotation: Rotation, change: (material: KeyMaterial) => KeyMaterial): Promise<void> {
    const { store, realm } = this.#options;
    const written = await store.edit((material) => {
      const { id, phase } = material.state.rotation ?? {};
      return id === rotation.id && phase === rotation.phase ? change(material) : material;
    });
    realm.use(written);
  }

  /** Why the key that is to sign accounts from now on must not yet: a server would take none of them. */
  async #distrusted(): Promise<string | undefined> {
    const { bus, realm, servers } = this.#options;
    const trust = await bus.serverTrust();
    if (trust.length < servers)
      return `${trust.length} of ${servers} NATS servers answer: all have to, before a key is put in force`;
    const wary = trust.filter(({ signingKeys }) => !signingKeys.includes(realm.signer));
    if (wary.length === 0) return undefined;
    const names = wary.map(({ server }) => server).join(", ");
    return `${names} of NATS know the next key only after a restart: restart them one after the other first`;
  }

  /** The master before goes when each server was restarted with the keys of the one now. */
  async #forget(): Promise<boolean> {
    const { bus, realm, servers, store, log } = this.#options;
    const trust = await bus.serverTrust();
    const wanted = new Set(realm.operatorSigningKeys);
    const isNew = ({ signingKeys }: ServerTrust) => signingKeys.every((key) => wanted.has(key));
    if (trust.length < servers || !trust.every(isNew)) return false;
    realm.use(await store.edit(forgotten));
    log.info({}, "the master secret of before is gone");
    await this.#settle();
    return true;
  }

  /** A leader before may have been killed between what it wrote and what it did. */
  async #settle(): Promise<void> {
    await this.#options.bus.ensureRealm();
    await this.#options.publish();
    this.#isSettled = true;
  }
}
