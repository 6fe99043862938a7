import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Arena } from "./arena.ts";
import { everybody, times } from "./grants.ts";
import { listening, probe } from "./probes.ts";
import { Round } from "./round.ts";

const ROUNDS = 60;
const DRIVERS = 8;
const PROBES = 50;
const LISTENINGS = 12;

let arena: Arena | undefined;
beforeAll(async () => {
  arena = await Arena.start();
});
afterAll(() => arena?.stop());

const draws = fc.record({
  everybody,
  probes: times(times(probe, PROBES), DRIVERS),
  listenings: times(times(listening, LISTENINGS), DRIVERS),
});

/** `VEXTIR_SEED=<number>` plays one again. */
const seed = Number(process.env["VEXTIR_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

test("whatever a raw client tries, what happens is exactly what its driver is granted", async () => {
  if (!arena) throw new Error("no arena");
  const began = performance.now();
  const rounds: Round[] = [];
  const wrong: string[] = [];
  for (const drawn of fc.sample(draws, { numRuns: ROUNDS, seed })) {
    const round = new Round(arena, drawn);
    rounds.push(round);
    wrong.push(...(await round.play()));
  }
  // Nothing comes late either.
  wrong.push(...rounds.flatMap((round) => round.misplaced()));
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0);
  const total = sum(({ probes, listenings }) => probes.length + listenings.length);
  console.log(
    `matrix: ${total} probes (${sum((r) => r.probes.length)} messages sent, of which ${sum((r) => r.redirected)} ask their answer elsewhere; ` +
      `${sum((r) => r.listenings.length)} subscriptions, of which ${sum((r) => r.queued)} in a queue group); ` +
      `${sum((r) => r.granted)} granted, ${sum((r) => r.refused)} refused; ${sum((r) => r.deliveries)} events delivered; ` +
      `${wrong.filter((w) => w.startsWith("ALLOWED")).length} unexpected allows, ${wrong.filter((w) => w.startsWith("DENIED")).length} unexpected denials, ` +
      `${wrong.length} in all; ${((performance.now() - began) / 1e3).toFixed(1)} s, seed ${seed}`,
  );
  expect(total).toBeGreaterThanOrEqual(10_000);
  expect(wrong.slice(0, 20)).toEqual([]);
});
