import { beforeEach, expect, test } from "@jest/globals";
import type { HubPolicyEntry } from "@vextir/api";
import { KnownPolicy, STALE_MS } from "./known-policy.ts";

let now: number;
let policy: KnownPolicy;
const grants = (collection: string) => [{ collection, verbs: ["read" as const], users: "All" as const }];
const entry = (
  revision: number,
  driver: string,
  uid: string | undefined = `uid-${driver}`,
): HubPolicyEntry => ({
  ...{ epoch: "one", revision, tenant: "t", driver, grants: uid ? grants(`c${revision}`) : [] },
  ...(uid && { uid }),
});
const collectionOf = (driver: string, uid = `uid-${driver}`) =>
  policy.grantsOf({ tenant: "t", driver, uid })?.[0]?.collection;
const page = (revision: number, entries: HubPolicyEntry[], next?: string) => ({
  ...{ epoch: "one", revision, entries },
  ...(next && { next }),
});

beforeEach(() => {
  now = 0;
  policy = new KnownPolicy(() => now);
  expect(policy.beat({ epoch: "one", revision: 3 })).toBe(true);
});

test("fresh when it is whole and the leader beats, and no longer than that", () => {
  expect(policy.isFresh).toBe(false);
  expect(policy.page(page(3, [entry(3, "a")], "t/a"), true)).toBe(true);
  expect(policy.isFresh).toBe(false);
  expect(policy.page(page(3, [entry(3, "b")]), false)).toBe(true);
  expect(policy.isFresh).toBe(true);
  now = STALE_MS + 1;
  expect(policy.isFresh).toBe(false);
  expect(policy.beat({ epoch: "one", revision: 3 })).toBe(false);
  expect([policy.isFresh, collectionOf("a"), collectionOf("a", "another's")]).toEqual([
    true,
    "c3",
    undefined,
  ]);
});

test("a change counts at once, and a missed one makes all of it unknown", () => {
  policy.page(page(3, [entry(3, "a"), entry(3, "b")]), true);
  policy.changed({ ...entry(4, "a"), grants: grants("new") });
  policy.changed({ ...entry(5, "b"), uid: undefined, grants: [] } as HubPolicyEntry);
  expect([collectionOf("a"), collectionOf("b"), policy.isFresh]).toEqual(["new", undefined, true]);
  policy.changed(entry(7, "a"));
  expect(policy.isFresh).toBe(false);
  policy.page(page(7, [entry(7, "a")]), true);
  expect(policy.isFresh).toBe(true);
  expect(policy.beat({ epoch: "one", revision: 8 })).toBe(true);
  expect(policy.isFresh).toBe(false);
});

test("a change that comes between pages is not undone by them; one that is missed there is", () => {
  policy.page(page(3, [entry(3, "a")], "t/a"), true);
  policy.changed({ ...entry(4, "b"), grants: grants("between") });
  policy.page(page(4, [entry(3, "b"), entry(3, "c")]), false);
  expect([collectionOf("b"), policy.isFresh]).toEqual(["between", true]);
  policy.page(page(4, [entry(4, "a")], "t/a"), true);
  policy.changed(entry(6, "b"));
  expect(policy.page(page(6, []), false)).toBe(false);
  expect(policy.isFresh).toBe(false);
});

test("another leader's word begins anew", () => {
  policy.page(page(3, [entry(3, "a")]), true);
  expect(policy.beat({ epoch: "two", revision: 0 })).toBe(true);
  expect([policy.isFresh, collectionOf("a")]).toEqual([false, undefined]);
  policy.changed(entry(4, "a"));
  expect(collectionOf("a")).toBeUndefined();
  expect(policy.page({ ...page(0, []), epoch: "two" }, true)).toBe(true);
  expect(policy.isFresh).toBe(true);
});
