import type { NatsConnection } from "@nats-io/nats-core";
import type { Logger } from "pino";
import type { Link } from "./link.ts";
import { type TokenFile, timesOf } from "./token-file.ts";

/** The kubelet has a fresh token in place from 80 % of the old one's life on. */
const LOOK_FROM = 0.8;
/** From here on the requests under way are not waited for any more. */
const INSIST_FROM = 0.95;
/** A reconnect takes tens of milliseconds; when the bus goes away meanwhile, the usual reconnecting goes on without the bridge. */
const BACK_MS = 30_000;
/** The longest call. */
const BRIDGE_PATIENCE_MS = 600_000;

export interface RenewalParts {
  link: Link;
  token: TokenFile;
  /** Opens a further connection with the token that is in the file now. */
  open: () => Promise<NatsConnection>;
  /** Pulling from consumers: what is on its way to a connection that ends would come again only after its `ackWait`. */
  pulls: { pause(): Promise<void>; resume(): void };
  log: Logger;
}

/**
 * Gives the connection a fresh token before the server ends it at the old one's expiry, without a gap: a second
 * connection, the bridge, listens and carries what begins, while the first finishes its requests and reconnects.
 */
export class Renewal {
  readonly #parts: RenewalParts;
  readonly #off: () => void;
  #token: string;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(parts: RenewalParts) {
    this.#parts = parts;
    this.#token = parts.token.read();
    this.#off = parts.link.onChange((up) => {
      if (up) this.#began();
    });
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#off();
    clearTimeout(this.#timer);
  }

  /** A connection was made just now, with the token that is in the file. */
  #began(): void {
    this.#token = this.#parts.token.read();
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const times = timesOf(this.#token);
    if (!times || this.#stopped) return;
    const life = times.expiresMs - times.issuedMs;
    const lookAt = times.issuedMs + life * LOOK_FROM;
    const waitMs = Math.max(lookAt - Date.now(), Math.min(10_000, life / 50));
    this.#timer = setTimeout(() => void this.#look(times.expiresMs, life), Math.min(waitMs, 2 ** 31 - 1));
    this.#timer.unref();
  }

  /** Never rejects. */
  async #look(expiresMs: number, life: number): Promise<void> {
    const { link, token, log } = this.#parts;
    const fresh = timesOf(token.read());
    if (link.up && fresh && fresh.expiresMs > expiresMs) {
      try {
        await this.#renew(expiresMs - life * (1 - INSIST_FROM));
        log.info("the connection to the bus has a fresh token");
        return;
      } catch (error) {
        log.warn({ err: error }, "the connection to the bus could not be renewed yet");
      }
    }
    this.#schedule();
  }

  async #renew(insistAtMs: number): Promise<void> {
    const { link, open, pulls } = this.#parts;
    await link.bridge(await open());
    try {
      await link.whenQuiet(insistAtMs - Date.now());
      await pulls.pause();
      const back = this.#backUp();
      await link.connection.reconnect();
      await back;
    } finally {
      if (!this.#stopped) pulls.resume();
      void link.unbridge(BRIDGE_PATIENCE_MS);
    }
  }

  /** Resolves when the connection is up again, or closed, or after `BACK_MS`. */
  #backUp(): Promise<void> {
    const { link } = this.#parts;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        off();
        resolve();
      };
      const timer = setTimeout(done, BACK_MS);
      const off = link.onChange((up) => {
        if (up || link.closed) done();
      });
    });
  }
}
