import type { FastifyRequest } from "fastify";
import { Problem } from "../problem.ts";
import { Authentication } from "./authentication.ts";
import type { Auth, RateLimits } from "./config.ts";
import type { Principal } from "./grant.ts";
import { networkOf, RateLimit } from "./rate-limit.ts";

export interface AccessOptions {
  auth: Auth;
  rateLimit: RateLimits;
  now?: () => number;
}

/** Who may come in, and how often. */
export class Access {
  readonly #authentication: Authentication;
  readonly #addresses: RateLimit;
  readonly #principals: RateLimit;
  readonly #known = new WeakMap<FastifyRequest, Principal>();

  constructor({ auth, rateLimit, now = Date.now }: AccessOptions) {
    this.#authentication = new Authentication(auth, now);
    this.#addresses = new RateLimit(rateLimit.address, now);
    this.#principals = new RateLimit(rateLimit.principal, now);
  }

  /** One more request of its address; before anything is done for it. @throws Problem `TooManyRequests` */
  admit(request: FastifyRequest): void {
    limited(this.#addresses, networkOf(request.ip), 1, "requests from this address");
  }

  /** Finds out who sends it. @throws Problem `Unauthenticated`, `KeysUnavailable`, `TooManyRequests` */
  async identify(request: FastifyRequest): Promise<void> {
    const principal = await this.#authentication.principal(request.headers, networkOf(request.ip));
    this.#known.set(request, principal);
    this.charge(principal, 1);
  }

  /** `count` more events, or requests, of its sender. @throws Problem `TooManyRequests` */
  charge(principal: Principal, count: number): void {
    if (count > 0) limited(this.#principals, principal.id, count, "events or requests of yours");
  }

  /** Undefined: not identified. */
  principal(request: FastifyRequest): Principal | undefined {
    return this.#known.get(request);
  }

  /** Of a request that was identified. */
  principalOf(request: FastifyRequest): Principal {
    const principal = this.#known.get(request);
    if (!principal)
      throw new Error(`${request.method} ${request.routeOptions.url}: nobody asked who sends it`);
    return principal;
  }
}

function limited(limit: RateLimit, key: string, cost: number, what: string): void {
  const waitMs = limit.take(key, cost);
  if (waitMs === 0) return;
  const seconds = Math.ceil(waitMs / 1_000);
  throw new Problem("TooManyRequests", `too many ${what}: try again in ${seconds} s`, {
    headers: { "retry-after": String(seconds) },
  });
}
