import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { jetstreamManager } from "@nats-io/jetstream";
import { eventually } from "../../test/fixtures/eventually.ts";
import { type Driver, defineDriver, type State, type StateChange } from "../index.ts";
import { type TestKit, testKit } from "../testing/index.ts";

let kit: TestKit;
let state: State;
const source = defineDriver({
  name: "keeper",
  version: "1.0.0",
  class: "Agent",
  capabilities: { state: true },
});

beforeAll(async () => {
  kit = await testKit(source);
  state = kit.driver.state;
});
afterAll(() => kit.stop());
beforeEach(async () => {
  await (await jetstreamManager(kit.connection)).streams.purge("KV_keeper");
});

describe("values", () => {
  const keys = ["a", "a.b.c", "A-z_9/x", "ü.ö", "with space", "=41", "a*b", "x>y", "%20", "🎈", "a.\n.b"];
  test.each(keys)("are put, read and deleted under the key %j", async (key) => {
    const value = { n: 1, text: "ü", list: [null, true] };
    const revision = await state.put(key, value);
    expect(await state.get(key)).toEqual({ key, value, revision });
    expect(await state.keys()).toEqual([key]);
    await state.delete(key);
    expect(await state.get(key)).toBeUndefined();
    expect(await state.keys()).toEqual([]);
  });

  test.each([null, 0, "", false, [], {}])("may be %j", async (value) => {
    await state.put("k", value);
    expect((await state.get("k"))?.value).toEqual(value);
  });

  test("a key that was never there", async () => {
    expect(await state.get("nothing")).toBeUndefined();
    await state.delete("nothing");
  });
});

describe("conflicts", () => {
  test("create fails when the key is there, and works again after a delete", async () => {
    await state.create("k", 1);
    await expect(state.create("k", 2)).rejects.toMatchObject({ code: "Conflict" });
    await state.delete("k");
    await state.create("k", 3);
    expect((await state.get("k"))?.value).toBe(3);
  });

  test("update and delete fail at another revision", async () => {
    const first = await state.put("k", 1);
    const second = await state.update("k", 2, first);
    await expect(state.update("k", 3, first)).rejects.toMatchObject({ code: "Conflict" });
    await expect(state.delete("k", first)).rejects.toMatchObject({ code: "Conflict" });
    await state.delete("k", second);
    expect(await state.get("k")).toBeUndefined();
  });

  test("of many that count up together none loses its turn", async () => {
    await state.put("n", 0);
    const countUp = async (): Promise<void> => {
      const entry = await state.get<number>("n");
      if (!entry) throw new Error("gone");
      await state.update("n", entry.value + 1, entry.revision).catch(countUp);
    };
    await Promise.all(Array.from({ length: 20 }, countUp));
    expect((await state.get("n"))?.value).toBe(20);
  });
});

describe("bad input is refused before it is sent", () => {
  const cases = [
    { reason: "an empty key", work: () => state.put("", 1), code: "InvalidInput" },
    { reason: "an empty level", work: () => state.put("a..b", 1), code: "InvalidInput" },
    { reason: "a long key", work: () => state.get("k".repeat(600)), code: "InvalidInput" },
    { reason: "no value", work: () => state.put("k", undefined), code: "InvalidInput" },
    { reason: "a value that is no JSON", work: () => state.put("k", 1n), code: "InvalidInput" },
    { reason: "a huge value", work: () => state.put("k", "x".repeat(2_000_000)), code: "TooLarge" },
  ];
  test.each(cases)("$reason: $code", async ({ work, code }) => {
    await expect(work()).rejects.toMatchObject({ code });
  });

  test("state that was not granted", async () => {
    const other = await testKit(defineDriver({ name: "none", version: "1", class: "Agent" }));
    try {
      const { state, once } = other.driver as Driver;
      for (const work of [
        state.get("k"),
        state.put("k", 1),
        state.keys(),
        state.watch(">", () => {}),
        once("k", () => 1),
      ])
        await expect(work).rejects.toMatchObject({
          code: "NotGranted",
          message: expect.stringContaining("capabilities.state: true"),
        });
    } finally {
      await other.stop();
    }
  });
});

describe("many keys", () => {
  test("are listed by pattern, also more than one answer of the bus holds", async () => {
    const count = 2_600;
    await Promise.all(Array.from({ length: count }, (_, i) => state.put(`item.${i % 7}.${i}`, i)));
    await state.put("other", 1);
    await state.delete("item.0.0");
    expect(await state.keys()).toHaveLength(count);
    expect(await state.keys("item.>")).toHaveLength(count - 1);
    expect(await state.keys("item.1.*")).toHaveLength(Math.ceil((count - 1) / 7));
    let sum = 0;
    for await (const { value } of state.entries<number>("item.>")) sum += value;
    expect(sum).toBe((count * (count - 1)) / 2);
  });
});

describe("a watch", () => {
  test("gives what is there, then each change, in order and once", async () => {
    await state.put("w.a", 1);
    await state.put("w.b", 2);
    await state.delete("w.b");
    await state.put("other", 1);
    const seen: StateChange[] = [];
    const watch = await state.watch("w.>", (change) => void seen.push(change));
    expect(seen).toMatchObject([{ operation: "put", key: "w.a", value: 1, initial: true }]);
    await state.put("w.a", 3);
    await state.put("other", 2);
    await state.delete("w.a");
    await state.put("w.ü", 4);
    await eventually(() => seen.length === 4, "four changes");
    expect(seen.slice(1)).toMatchObject([
      { operation: "put", key: "w.a", value: 3, initial: false },
      { operation: "delete", key: "w.a", initial: false },
      { operation: "put", key: "w.ü", value: 4, initial: false },
    ]);
    watch.stop();
    await state.put("w.a", 5);
    expect(seen).toHaveLength(4);
  });

  test("that begins while others write misses nothing and gives nothing twice", async () => {
    const writing = (async () => {
      for (let i = 0; i < 1_500; i++) await state.put(`k.${i % 50}`, i);
    })();
    const seen: number[] = [];
    const last = new Map<string, unknown>();
    const watch = await state.watch<number>("k.*", (change) => {
      seen.push(change.revision);
      if (change.operation === "put") last.set(change.key, change.value);
    });
    await writing;
    await eventually(
      () => last.size === 50 && Math.max(...(last.values() as never as number[])) === 1_499,
      "the last",
    );
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    expect([...last.values()].sort()).toEqual(Array.from({ length: 50 }, (_, i) => 1_450 + i).sort());
    watch.stop();
  });

  test("whose callback is slow or throws still ends with the truth", async () => {
    const last = new Map<string, unknown>();
    let count = 0;
    const watch = await state.watch("s.*", async (change) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (change.operation === "put") last.set(change.key, change.value);
      if (++count % 100 === 0) throw new Error("a bad day");
    });
    await Promise.all(Array.from({ length: 3_000 }, (_, i) => state.put(`s.${i % 10}`, i)));
    const truth = new Map<string, unknown>();
    for await (const { key, value } of state.entries("s.*")) truth.set(key, value);
    await eventually(() => [...truth].every(([key, value]) => last.get(key) === value), "the same");
    watch.stop();
  });

  test("catches up with what changed while the bus was away", async () => {
    const seen = new Map<string, unknown>();
    const watch = await state.watch("r.*", (change) => {
      if (change.operation === "put") seen.set(change.key, change.value);
      else seen.delete(change.key);
    });
    await state.put("r.a", 1);
    await state.put("r.b", 1);
    await eventually(() => seen.size === 2, "both");
    await kit.server.halt("SIGKILL");
    const writes = [state.put("r.a", 2), state.delete("r.b"), state.put("r.c", 3)];
    await kit.server.resume();
    await Promise.all(writes);
    await eventually(() => seen.get("r.a") === 2 && !seen.has("r.b") && seen.get("r.c") === 3, "caught up");
    watch.stop();
  });
});

describe("once", () => {
  test("does the work once and remembers its result", async () => {
    let runs = 0;
    const work = () => ({ paid: ++runs });
    const results = await Promise.all([kit.driver.once("pay.1", work), kit.driver.once("pay.1", work)]);
    expect([...results, await kit.driver.once("pay.1", work)]).toEqual(Array(3).fill({ paid: 1 }));
    expect(await kit.driver.once("pay.2", () => undefined)).toBeUndefined();
    expect(await kit.driver.once("pay.2", () => "again")).toBeUndefined();
  });

  test("tries work that failed again with the same idempotency key", async () => {
    const keys: string[] = [];
    const fail = (key: string) => {
      keys.push(key);
      throw new Error("no");
    };
    await expect(kit.driver.once("pay.3", fail)).rejects.toThrow("no");
    const replica = await kit.replica();
    await replica.driver?.once("pay.3", (key) => keys.push(key));
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    await replica.stop(0);
  });

  test("forgets after its time to live", async () => {
    let runs = 0;
    await kit.driver.once("short", () => ++runs, { ttlMs: 1_000 });
    const end = Date.now() + 60_000;
    while (runs < 2 && Date.now() < end) {
      await kit.driver.once("short", () => ++runs, { ttlMs: 1_000 });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(runs).toBe(2);
  });
});
