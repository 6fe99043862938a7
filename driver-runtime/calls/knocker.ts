import type { KnockAnswer } from "@vextir/api";
import { isFailure, type Link } from "../bus/link.ts";

/** A driver that is called is told to be awake this often. */
const EVERY_MS = 5_000;
const ANSWER_MS = 1_000;
const MAX_REMEMBERED = 1_024;

/**
 * Knocks at drivers that are called. One that is scaled to zero has nobody who hears the call: its autoscaler hears the knock. And while
 * calls are under way, or come one after the other, it is not to be put to sleep, since calls are seen by nobody but the two.
 */
export class Knocker {
  readonly #link: Link;
  /** When it was knocked last, by subject. */
  readonly #knocked = new Map<string, number>();
  /** Calls under way, by subject. */
  readonly #calls = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Whether somebody starts the driver for those who call it. */
  async isWoken(subject: string): Promise<boolean> {
    this.#remember(subject);
    const answer = await this.#link.request(subject, "", { timeoutMs: ANSWER_MS });
    if (isFailure(answer)) return false;
    try {
      return answer.json<KnockAnswer>().wakes === true;
    } catch {
      return false;
    }
  }

  /** Keeps the driver awake until the call is over. */
  async during<T>(subject: string, call: () => Promise<T>): Promise<T> {
    this.#calls.set(subject, (this.#calls.get(subject) ?? 0) + 1);
    this.#timer ??= setInterval(() => this.#knockAll(), EVERY_MS).unref();
    this.#knock(subject);
    try {
      return await call();
    } finally {
      this.#end(subject);
    }
  }

  #end(subject: string): void {
    const left = (this.#calls.get(subject) ?? 1) - 1;
    if (left > 0) this.#calls.set(subject, left);
    else this.#calls.delete(subject);
    if (this.#calls.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #knockAll(): void {
    for (const subject of this.#calls.keys()) this.#knock(subject);
  }

  /** Nobody need hear it: not every driver is scaled. */
  #knock(subject: string): void {
    const last = this.#knocked.get(subject) ?? Number.NEGATIVE_INFINITY;
    if (performance.now() - last < EVERY_MS * 0.9) return;
    this.#remember(subject);
    this.#link.send(subject);
  }

  #remember(subject: string): void {
    this.#knocked.delete(subject);
    this.#knocked.set(subject, performance.now());
    const [oldest] = this.#knocked.keys();
    if (this.#knocked.size > MAX_REMEMBERED && oldest !== undefined) this.#knocked.delete(oldest);
  }
}
