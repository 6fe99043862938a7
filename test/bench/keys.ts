/** A minute of 1,000 events a second, while keys are rotated and grants edited: what was published is handled. */
import { TestRotation } from "../fixtures/key-rotation.ts";
import { rotatingAndEditing } from "../fixtures/rotation-load.ts";
import { World } from "../integration/runtime/world.ts";
import type { Row } from "./statistics.ts";

const LOAD = { perSecond: 1_000, seconds: 60 };

export async function keysRows(): Promise<Row[]> {
  const world = await World.start();
  const rotation = await TestRotation.start(world.bus);
  try {
    const { found, rotations, edits } = await rotatingAndEditing(world, rotation, LOAD);
    const { published, handled, repeated, lost, failed, perSecond, longestGapMs } = found;
    return [
      {
        what: `${rotations} rotations, ${edits} edits`,
        baseline: `${published} published (${perSecond}/s)`,
        measured: `${handled} handled (${repeated} twice)`,
        compared: `${lost} lost, ${failed} refused`,
        aim: "0 lost",
      },
      {
        what: "longest time in which nothing was handled",
        baseline: "",
        measured: `${longestGapMs} ms`,
        compared: "",
        aim: "",
      },
    ];
  } finally {
    await rotation.stop();
    await world.stop();
  }
}
