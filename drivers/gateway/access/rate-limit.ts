export interface Rate {
  perSecond: number;
  burst: number;
}

/** Keys that are remembered; beyond, the one that rested longest is forgotten, and may begin anew. */
const MAX_KEYS = 10_000;

/** A bucket of tokens for each key, kept as the one moment at which it is full again (GCRA). */
export class RateLimit {
  readonly #intervalMs: number;
  readonly #burst: number;
  readonly #now: () => number;
  readonly #maxKeys: number;
  /** In the order of their last use. */
  readonly #fullAt = new Map<string, number>();

  constructor({ perSecond, burst }: Rate, now: () => number = () => performance.now(), maxKeys = MAX_KEYS) {
    this.#intervalMs = 1_000 / perSecond;
    this.#burst = burst;
    this.#now = now;
    this.#maxKeys = maxKeys;
  }

  get size(): number {
    return this.#fullAt.size;
  }

  /** Takes `cost` tokens; 0: done. Else nothing is taken, and it is the time in ms until there are as many. */
  take(key: string, cost = 1): number {
    const now = this.#now();
    // What costs more than there ever is would never be served.
    const wantedMs = Math.min(cost, this.#burst) * this.#intervalMs;
    const fullAt = Math.max(now, this.#fullAt.get(key) ?? now) + wantedMs;
    const waitMs = fullAt - now - this.#burst * this.#intervalMs;
    // Sums of fractions: a thousandth of a millisecond is none.
    if (waitMs > 0.001) return waitMs;
    this.#fullAt.delete(key);
    this.#fullAt.set(key, fullAt);
    if (this.#fullAt.size > this.#maxKeys) this.#fullAt.delete(this.#fullAt.keys().next().value as string);
    return 0;
  }
}

const V4 = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})$/i;

/** What counts as one address: an IPv4 address, or the /64 of an IPv6 one, since whoever has one has all of them. */
export function networkOf(address: string): string {
  const v4 = V4.exec(address)?.[1];
  if (v4 !== undefined) return v4;
  const [head = "", tail] = (address.split("%", 1)[0] ?? "").split("::", 2);
  const groups = (text: string | undefined) => (text ? text.split(":") : []);
  const [left, right] = [groups(head), groups(tail)];
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill("0");
  const all = [...left, ...(tail === undefined ? [] : zeros), ...right];
  return `${all
    .slice(0, 4)
    .map((group) => group.toLowerCase().replace(/^0+(?=.)/, ""))
    .join(":")}::/64`;
}
