import { HubError } from "../rpc/hub-error.ts";
import type { Caller } from "./caller.ts";
import { type Grant, isNothing, type Scope, scopeOf, type Verb } from "./grants.ts";

/** What drivers are granted, as the operator last said. */
export interface PolicyFeed {
  /** Undefined: no such driver, or another one of this name: `uid` is its ServiceAccount's. */
  grantsOf(driver: Pick<Caller, "tenant" | "driver" | "uid">): readonly Grant[] | undefined;
  /** False: what it knows may have been taken back meanwhile. */
  readonly isFresh: boolean;
}

const RETRY_MS = 1_000;

export class Access {
  readonly #feed: PolicyFeed;

  constructor(feed: PolicyFeed) {
    this.#feed = feed;
  }

  /** @throws HubError `UNAVAILABLE` while nobody knows what is granted, `PERMISSION_DENIED` when nothing is */
  scope(caller: Caller, verb: Verb): Scope {
    const { tenant, driver, user } = caller;
    if (!this.#feed.isFresh)
      throw new HubError("UNAVAILABLE", "what is granted is not known now", { retryAfterMs: RETRY_MS });
    const scope = scopeOf(tenant, user, this.#feed.grantsOf(caller) ?? [], verb);
    if (isNothing(scope))
      throw new HubError(
        "PERMISSION_DENIED",
        user
          ? `nothing is granted to ${driver} to ${verb}`
          : `nothing is granted to ${driver} to ${verb} without a user`,
      );
    return scope;
  }
}
