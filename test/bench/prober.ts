/** 100,000 events while everything that they go through is killed in turn, each four times. */
import { probe } from "../integration/prober/probe.ts";
import { ProberWorld } from "../integration/prober/world.ts";
import type { Row } from "./statistics.ts";

const EVENTS = Number(process.env["VEXTIR_PROBER_EVENTS"] ?? 100_000);
const ROUNDS = 4;
const PATIENCE_MS = 600_000;

export async function proberRows(): Promise<Row[]> {
  const world = await ProberWorld.start();
  try {
    const found = await probe(world, { events: EVENTS, rounds: ROUNDS, patienceMs: PATIENCE_MS });
    const { clients, redelivered, done } = found;
    const row = (what: string, measured: number, aim: number): Row => ({
      what,
      baseline: `${found.in} accepted`,
      measured: String(measured),
      compared: measured === aim ? "all" : `${measured - aim}`,
      aim: String(aim),
    });
    return [
      row(
        `on the bus, after ${found.kills.length} kills in ${found.seconds.toFixed(0)} s`,
        found.stored,
        found.in,
      ),
      row("handled", found.handled, found.in),
      row("recorded", found.recorded, found.in),
      row("recorded twice", found.recordedTwice, 0),
      row("dead letters", found.deadLetters, 0),
      row("sent again by clients and known by the bus", clients.recognised, clients.repeated),
      row(`done once, of ${redelivered.counter} redelivered to the driver`, done.stored, found.in),
      row(`recorded once, of ${redelivered.ledger} redelivered to the ledger`, done.recorded, found.in),
    ];
  } finally {
    await world.stop();
  }
}
