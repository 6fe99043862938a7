import type { HubPolicyBeat, HubPolicyEntry, HubPolicyPage } from "@vextir/api";
import type { PolicyFeed } from "./access.ts";
import type { Caller } from "./caller.ts";
import type { Grant } from "./grants.ts";

/** Without a beat for so long, what is known may have been taken back. */
export const STALE_MS = 5_000;

interface Known {
  uid: string | undefined;
  grants: readonly Grant[];
  revision: number;
}

/**
 * What the leader said, put together. States: unknown -> loading (pages of one epoch) -> whole; a beat that knows of more than was
 * heard, or another leader's, makes it unknown until it is loaded again. Messages of a leader come in the order they were sent.
 */
export class KnownPolicy implements PolicyFeed {
  readonly #now: () => number;
  #epoch = "";
  #whole = false;
  #known = new Map<string, Known>();
  /** All changes up to this one were heard, or were in the first page. */
  #revision = 0;
  /** One was missed since then. */
  #gap = false;
  #beatAt = Number.NEGATIVE_INFINITY;

  /** `now`: milliseconds of a clock that only goes forward. */
  constructor(now: () => number) {
    this.#now = now;
  }

  get isFresh(): boolean {
    return this.#whole && this.#now() - this.#beatAt <= STALE_MS;
  }

  grantsOf({ tenant, driver, uid }: Pick<Caller, "tenant" | "driver" | "uid">): readonly Grant[] | undefined {
    const known = this.#known.get(`${tenant}/${driver}`);
    return known?.uid !== undefined && known.uid === uid ? known.grants : undefined;
  }

  /** @returns whether it has to be loaded. */
  beat({ epoch, revision }: HubPolicyBeat): boolean {
    this.#beatAt = this.#now();
    if (epoch !== this.#epoch) this.#forget(epoch);
    else if (revision > this.#revision) this.#missed();
    return !this.#whole;
  }

  changed(entry: HubPolicyEntry): void {
    if (entry.epoch !== this.#epoch) return;
    if (entry.revision > this.#revision + 1) this.#missed();
    this.#revision = Math.max(this.#revision, entry.revision);
    this.#learn(entry);
  }

  /** Of the pages, in their order. @returns false when the loading has to begin anew. */
  page(page: HubPolicyPage, first: boolean): boolean {
    if (first) this.#begin(page);
    if (page.epoch !== this.#epoch) return false;
    for (const entry of page.entries) this.#learn(entry);
    if (page.next !== undefined) return true;
    this.#whole = !this.#gap;
    return this.#whole;
  }

  /** What was heard after the page was made is newer than it; all else is in the pages, or is gone. */
  #begin({ epoch, revision }: HubPolicyPage): void {
    if (epoch !== this.#epoch) this.#forget(epoch);
    this.#known = new Map([...this.#known].filter(([, one]) => one.revision > revision));
    this.#gap = false;
    this.#revision = Math.max(this.#revision, revision);
  }

  #learn({ tenant, driver, uid, grants, revision }: HubPolicyEntry): void {
    const key = `${tenant}/${driver}`;
    if ((this.#known.get(key)?.revision ?? -1) <= revision) this.#known.set(key, { uid, grants, revision });
  }

  #missed(): void {
    this.#whole = false;
    this.#gap = true;
  }

  #forget(epoch: string): void {
    this.#epoch = epoch;
    this.#whole = false;
    this.#gap = false;
    this.#known = new Map();
    this.#revision = 0;
  }
}
