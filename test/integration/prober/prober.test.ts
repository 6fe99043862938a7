import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { probe } from "./probe.ts";
import { ProberWorld } from "./world.ts";

/** More of them by VEXTIR_PROBER_EVENTS; then everything is killed several times. */
const EVENTS = Number(process.env["VEXTIR_PROBER_EVENTS"] ?? 3_000);
const ROUNDS = EVENTS > 20_000 ? 4 : 1;
const PATIENCE_MS = 60_000 + EVENTS * 10;

let world: ProberWorld;
beforeAll(async () => {
  world = await ProberWorld.start();
});
afterAll(() => world?.stop());

test("gateway, driver, ledger, bus and database killed in turn: events in = handled = recorded, each repetition known", async () => {
  const found = await probe(world, { events: EVENTS, rounds: ROUNDS, patienceMs: PATIENCE_MS });
  console.log(`prober: ${JSON.stringify(found)}`);
  expect(found).toMatchObject({
    in: EVENTS,
    stored: EVENTS,
    handled: EVENTS,
    recorded: EVENTS,
    recordedTwice: 0,
    done: { stored: EVENTS, recorded: EVENTS },
    deadLetters: 0,
  });
  expect(found.clients.recognised).toBe(found.clients.repeated);
}, 1_800_000);
