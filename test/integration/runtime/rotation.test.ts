import { afterEach, expect, test } from "@jest/globals";
import { TestRotation } from "../../fixtures/key-rotation.ts";
import { rotatingAndEditing } from "../../fixtures/rotation-load.ts";
import { traffic } from "../../fixtures/traffic.ts";
import { World } from "./world.ts";

let world: World | undefined;
let rotation: TestRotation | undefined;
afterEach(async () => {
  await rotation?.stop();
  await world?.stop();
});

/** `make bench` does so for a minute. */
const SECONDS = 12;

test("keys of drivers, tenant and operator are rotated and grants edited under 1,000 events a second: none is lost", async () => {
  world = await World.start();
  rotation = await TestRotation.start(world.bus);
  const { found, rotations, edits } = await rotatingAndEditing(world, rotation, {
    perSecond: 1_000,
    seconds: SECONDS,
  });
  process.stdout.write(`${JSON.stringify({ ...found, rotations, edits })}\n`);
  expect(rotations).toBeGreaterThanOrEqual(3);
  expect(edits).toBeGreaterThan(SECONDS);
  expect(found.published).toBeGreaterThan(SECONDS * 300);
  expect(found.handled).toBe(found.published);
  expect(found.lost).toBe(0);
});

test("the master is rotated and three servers restarted one after the other under traffic: no event is lost", async () => {
  world = await World.start({ servers: 3 });
  const { bus } = world;
  rotation = await TestRotation.start(bus);
  const before = bus.realm.material.master;
  const found = await traffic(world, 200, async () => {
    await rotation?.rotate({ kind: "master" });
    // Their connections were closed with the old keys.
    await (await bus.connect({ name: "sink" })).close();
    await bus.rollingRestart();
    // Each server knows the new keys: those of before are forgotten.
    while (rotation?.material.previous) await new Promise((resolve) => setTimeout(resolve, 50));
    await rotation?.rotate({ kind: "operator" });
  });
  process.stdout.write(`${JSON.stringify(found)}\n`);
  expect(Buffer.from(bus.realm.material.master)).not.toEqual(Buffer.from(before));
  expect(found.handled).toBe(found.published);
  expect(found.lost).toBe(0);
}, 180_000);
