import { hash, timingSafeEqual } from "node:crypto";
import type { ApiKey } from "./config.ts";
import type { Principal } from "./grant.ts";

interface Known {
  digest: Buffer;
  principal: Principal;
}

/** The keys of the configuration, which has only their digests. */
export class ApiKeys {
  readonly #known: readonly Known[];
  readonly #now: () => number;

  constructor(keys: readonly ApiKey[], now: () => number = Date.now) {
    this.#now = now;
    this.#known = keys.map(({ name, sha256, expires, user, grants }) => ({
      digest: Buffer.from(sha256, "hex"),
      principal: {
        id: `key:${name}`,
        ...(user !== undefined && { userId: user }),
        grants,
        expiresMs: Date.parse(expires),
      },
    }));
  }

  /** Undefined: no such key, or no longer. All are compared, so that the time it takes tells nothing. */
  find(key: string): Principal | undefined {
    const digest = hash("sha256", key, "buffer");
    let found: Principal | undefined;
    for (const known of this.#known) if (timingSafeEqual(known.digest, digest)) found = known.principal;
    return found && (found.expiresMs ?? Infinity) > this.#now() ? found : undefined;
  }
}
