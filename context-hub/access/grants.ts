/** What a driver may do with a collection and all below it, as its Driver object grants it. */
export interface Grant {
  collection: string;
  verbs: readonly Verb[];
  /** `Caller`: only the documents of the user on whose behalf it acts. */
  users: "All" | "Caller";
}

export const VERBS = ["read", "write", "search", "synthesize"] as const;
export type Verb = (typeof VERBS)[number];

/** What one call may touch: what row-level security is told, and code holds itself to as well. */
export interface Scope {
  tenant: string;
  /** On whose behalf; empty: nobody's, and then `own` is empty too. */
  user: string;
  /** Collections where it may touch every user's documents. */
  everybody: readonly string[];
  /** Collections where it may touch `user`'s. */
  own: readonly string[];
}

/** Nothing, when no grant is for it. */
export function scopeOf(tenant: string, user: string, grants: readonly Grant[], verb: Verb): Scope {
  const of = (users: Grant["users"]) =>
    grants
      .filter((one) => one.users === users && one.verbs.includes(verb))
      .map(({ collection }) => collection);
  return { tenant, user, everybody: of("All"), own: user ? of("Caller") : [] };
}

export const isNothing = ({ everybody, own }: Scope) => everybody.length === 0 && own.length === 0;

export function mayTouch(scope: Scope, { collection, user }: { collection: string; user: string }): boolean {
  const covers = (granted: string) => collection === granted || collection.startsWith(`${granted}/`);
  return scope.everybody.some(covers) || (user !== "" && user === scope.user && scope.own.some(covers));
}

/** A collection and all that it is below: `mail/inbox` gives `mail` and `mail/inbox`. */
export function pathOf(collection: string): string[] {
  const names = collection.split("/");
  return names.map((_, i) => names.slice(0, i + 1).join("/"));
}
