import type { Target } from "./decision.ts";

export interface TunnelOwner {
  /** `<namespace>/<name>`. */
  driver: string;
  /** Of the Driver object. */
  uid: string;
}

/** A place that is taken: from the moment that a driver asks for a tunnel until it is closed. */
export class Tunnel {
  readonly owner: TunnelOwner;
  readonly target: Target;
  /** Addresses that it may be connected to, once they are known. */
  addresses: readonly string[] = [];
  readonly #controller = new AbortController();

  constructor(owner: TunnelOwner, target: Target) {
    this.owner = owner;
    this.target = target;
  }

  /** Aborted when it must not go on. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(reason: string): void {
    this.#controller.abort(new Error(reason));
  }
}

/**
 * Every tunnel there is, by driver. One driver's are few, so that it can't take the others' places.
 *
 *     taken (a place) -> connecting -> open -> closed; from each to closed when the grant is gone or the proxy ends
 */
export class Tunnels {
  readonly #maxPerDriver: number;
  readonly #byDriver = new Map<string, Set<Tunnel>>();
  #drained: (() => void) | undefined;

  constructor(maxPerDriver: number) {
    this.#maxPerDriver = maxPerDriver;
  }

  get size(): number {
    let size = 0;
    for (const tunnels of this.#byDriver.values()) size += tunnels.size;
    return size;
  }

  /** A place for another tunnel of the driver; undefined: it has as many as it may have. */
  take(owner: TunnelOwner, target: Target): Tunnel | undefined {
    const own = this.#byDriver.get(owner.driver) ?? new Set();
    if (own.size >= this.#maxPerDriver) return undefined;
    const tunnel = new Tunnel(owner, target);
    own.add(tunnel);
    this.#byDriver.set(owner.driver, own);
    return tunnel;
  }

  /** Gives the place back; a second call does nothing. */
  release(tunnel: Tunnel): void {
    const own = this.#byDriver.get(tunnel.owner.driver);
    if (!own?.delete(tunnel)) return;
    if (own.size === 0) this.#byDriver.delete(tunnel.owner.driver);
    if (this.#byDriver.size === 0) this.#drained?.();
  }

  /** Ends those of the driver's tunnels that it may have no longer. */
  review(driver: string, mayStay: (tunnel: Tunnel) => boolean): void {
    for (const tunnel of this.#byDriver.get(driver) ?? [])
      if (!mayStay(tunnel)) tunnel.end("the grant was withdrawn");
  }

  /** Resolves when none is left: by themselves within `ms`, else they are ended. */
  async drain(ms: number): Promise<void> {
    if (this.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    const timer = setTimeout(() => this.#endAll(), ms);
    await promise;
    clearTimeout(timer);
  }

  #endAll(): void {
    for (const tunnels of this.#byDriver.values()) for (const tunnel of tunnels) tunnel.end("the proxy ends");
  }
}
