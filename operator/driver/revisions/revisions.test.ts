import { beforeEach, describe, expect, test } from "@jest/globals";
import type { KubeObject } from "@vextir/api";
import { type Cluster, ClusterError, type ClusterEvent } from "../../cluster.ts";
import type { ControllerRevision } from "../../kinds.ts";
import { aDriver, specOf } from "../../testing/objects.ts";
import { chooseRevision } from "./choice.ts";
import { type Revision, restoredSpec, revisedSpec, revisionsOf } from "./revision.ts";
import { RevisionHistory } from "./revision-history.ts";

let there: Map<string, ControllerRevision>;
let events: ClusterEvent[];
let fails: ClusterError | undefined;
let reads: number;
let history: RevisionHistory;

/** Of an API server what is asked of it here; the fault is injected. */
const cluster = {
  async list() {
    reads++;
    return [...there.values()];
  },
  async apply(_kind: unknown, object: KubeObject) {
    if (fails) throw fails;
    there.set(object.metadata.name, { ...object, kind: "ControllerRevision" } as ControllerRevision);
    return object;
  },
  async delete(_kind: unknown, { name }: { name: string }) {
    there.delete(name);
  },
  record: (event: ClusterEvent) => void events.push(event),
} as unknown as Cluster;

beforeEach(() => {
  there = new Map();
  events = [];
  fails = undefined;
  reads = 0;
  history = new RevisionHistory(cluster);
});

let generation = 0;
const version = (text: string, spec: object = {}, rest: object = {}) =>
  aDriver({ spec: { args: [text], ...spec }, metadata: { generation: ++generation }, ...rest });
const ran = (driver = version("a")) => history.ran(driver, specOf(driver));
const kept = (): [number, string | undefined][] =>
  revisionsOf(aDriver({}), [...there.values()]).map(({ number, spec }) => [number, spec.args[0]]);

describe("what is kept", () => {
  test("every version that ran, in order; one that runs again is the newest", async () => {
    for (const text of ["a", "b", "c", "a"]) await ran(version(text));
    expect(kept()).toEqual([
      [2, "b"],
      [3, "c"],
      [4, "a"],
    ]);
  });

  test("how many pods there are makes no version", async () => {
    const first = await ran(version("a"));
    expect(await ran(version("a", { replicas: 7 }))).toBe(first);
    expect(await ran(version("a", { scaling: { maxReplicaCount: 3 } }))).toBe(first);
    expect(kept()).toEqual([[1, "a"]]);
  });

  test.each([0, 1, 2])(
    "with a limit of %i: so many beside the one that runs",
    async (revisionHistoryLimit) => {
      for (const text of ["a", "b", "c", "d"]) await ran(version(text, { revisionHistoryLimit }));
      expect(kept().map(([number]) => number)).toEqual([1, 2, 3, 4].slice(3 - revisionHistoryLimit));
    },
  );

  test("a lower limit holds at once", async () => {
    for (const text of ["a", "b", "c"]) await ran(version(text));
    await ran(version("c", { revisionHistoryLimit: 1 }));
    expect(kept()).toEqual([
      [2, "b"],
      [3, "c"],
    ]);
  });

  test("nothing is read again while nothing changed, nor after a restart", async () => {
    const driver = version("a");
    const name = await ran(driver);
    await ran(driver);
    expect(reads).toBe(1);
    history = new RevisionHistory(cluster);
    await ran({ ...driver, status: { currentRevision: name ?? "" } });
    expect(reads).toBe(1);
  });

  test("what another release wrote with fewer defaults is the same version", async () => {
    await ran(version("a"));
    const [object] = there.values();
    const spec = (object?.data as { spec?: Record<string, unknown> } | undefined)?.spec ?? {};
    delete spec["terminationGracePeriodSeconds"];
    history = new RevisionHistory(cluster);
    expect(await ran(version("a"))).toBe(object?.metadata.name);
    expect(there.size).toBe(1);
  });

  test("a namesake's and another owner's are not counted, nor touched", async () => {
    await ran(version("a", {}, { metadata: { uid: "earlier", generation: 1 } }));
    await ran(version("b"));
    expect(kept()).toEqual([[1, "b"]]);
    expect(there.size).toBe(2);
  });

  test.each(["Forbidden", "Invalid"] as const)(
    "where it can't be (%s) that is told, and no failure",
    async (code) => {
      fails = new ClusterError(code, "exceeded quota");
      expect(await ran()).toBeUndefined();
      expect(events.map(({ reason }) => reason)).toEqual(["RevisionNotKept"]);
    },
  );

  test("what passes is tried again", async () => {
    fails = new ClusterError("Unavailable", "no answer");
    await expect(ran()).rejects.toBe(fails);
    fails = undefined;
    expect(await ran()).toBeDefined();
  });
});

describe("which one is gone back to", () => {
  const revision = (number: number, text: string): Revision => ({
    ...{ name: `r${number}`, number, createdAt: "" },
    spec: revisedSpec(specOf(version(text))),
  });
  const [a, b, c] = [revision(1, "a"), revision(2, "b"), revision(3, "c")];
  const table: { reason: string; now: string; number?: number; chosen: number | string }[] = [
    { reason: "a bad version is held back", now: "bad", chosen: 3 },
    { reason: "the newest works, and is not wanted", now: "c", chosen: 2 },
    { reason: "by its number", now: "c", number: 1, chosen: 1 },
    { reason: "no such number", now: "c", number: 9, chosen: "no revision 9; there are: 1, 2, 3" },
    { reason: "it is what is wanted already", now: "b", number: 2, chosen: "says already" },
  ];
  test.each(table)("$reason", ({ now, number, chosen }) => {
    const driver = version(now);
    const found = chooseRevision(driver, revisedSpec(specOf(driver)), [a, b, c], number);
    if (typeof chosen === "number") expect(found).toMatchObject({ number: chosen });
    else expect(found).toMatchObject({ problem: expect.stringContaining(chosen) });
  });

  test("nothing else ran", () => {
    const driver = version("a");
    expect(chooseRevision(driver, revisedSpec(specOf(driver)), [a])).toMatchObject({
      problem: expect.stringContaining("no other version"),
    });
    expect(chooseRevision(driver, undefined, [])).toMatchObject({
      problem: expect.stringContaining("kept: none"),
    });
  });

  test("how many pods there are stays as it is", () => {
    const current = specOf(version("bad", { replicas: 5, revisionHistoryLimit: 2 }));
    expect(restoredSpec(current, b)).toEqual({ ...b.spec, replicas: 5, revisionHistoryLimit: 2 });
  });
});
