import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Driver, defineDriver, type StateChange } from "@vextir/driver-runtime";
import { eventually } from "../../fixtures/eventually.ts";
import { World } from "./world.ts";

let world: World;
let keeper: Driver;
const source = defineDriver({ name: "keeper", version: "1", class: "Agent" });

beforeAll(async () => {
  world = await World.start();
  await world.bus.tenant(undefined, { state: { maxBytes: "8Mi" } });
  keeper = (await world.run(source, { capabilities: { state: true } })).driver;
});
afterAll(() => world.stop());

describe("a driver's own bucket, by imports alone", () => {
  test("is written, read, conflicted and deleted", async () => {
    const { state } = keeper;
    const first = await state.create("a.ü", { n: 1 });
    await expect(state.create("a.ü", 2)).rejects.toMatchObject({ code: "Conflict" });
    const second = await state.update("a.ü", { n: 2 }, first);
    expect(await state.get("a.ü")).toEqual({ key: "a.ü", value: { n: 2 }, revision: second });
    await state.delete("a.ü", second);
    expect(await state.get("a.ü")).toBeUndefined();
    await state.create("a.ü", 3);
  });

  test("is listed beyond what one answer holds", async () => {
    await Promise.all(Array.from({ length: 1_500 }, (_, i) => keeper.state.put(`many.${i}`, i)));
    expect(await keeper.state.keys("many.*")).toHaveLength(1_500);
  });

  test("is watched: what is there, what changes, what changed while the bus was away", async () => {
    const seen: StateChange[] = [];
    await keeper.state.put("w.a", 1);
    const watch = await keeper.state.watch("w.*", (change) => void seen.push(change));
    await keeper.state.put("w.a", 2);
    await keeper.state.delete("w.a");
    await eventually(() => seen.length === 3, "three changes");
    await world.bus.server.end("SIGKILL");
    const writes = [keeper.state.put("w.b", 3), keeper.state.put("w.c", 4)];
    await world.bus.startServer();
    await Promise.all(writes);
    await eventually(() => seen.length === 5, "five changes");
    expect(seen.map(({ operation, key }) => `${operation} ${key}`)).toEqual([
      "put w.a",
      "put w.a",
      "delete w.a",
      expect.stringMatching(/put w\.[bc]/),
      expect.stringMatching(/put w\.[bc]/),
    ]);
    watch.stop();
  });

  test("remembers what was done once, across replicas, and forgets in time", async () => {
    const other = (await world.run(source, { capabilities: { state: true } })).driver;
    let runs = 0;
    const results = [await keeper.once("pay", () => ++runs), await other.once("pay", () => ++runs)];
    expect(results).toEqual([1, 1]);
    await keeper.once("short", () => ++runs, { ttlMs: 1_000 });
    await eventually(
      () => keeper.once("short", () => ++runs, { ttlMs: 1_000 }).then(() => runs === 3),
      "forgotten",
    );
  });

  test("that is full says so and stays readable", async () => {
    const fill = async () => {
      for (let i = 0; ; i++) await keeper.state.put(`fill.${i}`, "x".repeat(500_000));
    };
    await expect(fill()).rejects.toMatchObject({
      code: "Unavailable",
      message: expect.stringContaining("maximum bytes"),
    });
    expect((await keeper.state.get("fill.0"))?.value).toHaveLength(500_000);
  });

  test("is out of reach of others", async () => {
    const { driver } = await world.run(defineDriver({ name: "thief", version: "1", class: "Agent" }), {
      told: { state: true },
    });
    await expect(driver.state.keys()).rejects.toMatchObject({ code: "Unavailable" });
    await expect(driver.bus.connection.request("$KV.keeper.a", "1", { timeout: 500 })).rejects.toThrow(
      /no responders/,
    );
  });
});
