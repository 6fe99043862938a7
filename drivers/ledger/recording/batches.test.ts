import { describe, expect, test } from "@jest/globals";
import { Batches } from "./batches.ts";

const poison = Object.assign(new Error("no"), { code: "22P05" });
const away = Object.assign(new Error("away"), { code: "ECONNREFUSED" });

function batches(write: (rows: readonly number[]) => Promise<number>) {
  const told = { troubles: 0, recoveries: 0, written: 0 };
  const stop = new AbortController();
  const made = new Batches<number>({
    write,
    written: (rows) => {
      told.written += rows;
    },
    trouble: () => told.troubles++,
    recovered: () => told.recoveries++,
    signal: stop.signal,
    maxRows: 4,
  });
  return { made, told, stop };
}

describe("batches", () => {
  test("hold as many rows as they may, in the order that they came", async () => {
    const seen: number[][] = [];
    const { made, told } = batches(async (rows) => seen.push([...rows]));
    await Promise.all([1, 2, 3, 4, 5, 6].map((row) => made.add(row)));
    expect(seen).toEqual([
      [1, 2, 3, 4],
      [5, 6],
    ]);
    expect(told).toEqual({ troubles: 0, recoveries: 0, written: 6 });
  });

  test("a row that fails for good fails alone", async () => {
    const { made, told } = batches(async (rows) => {
      if (rows.includes(3)) throw poison;
      return rows.length;
    });
    const results = await Promise.allSettled([1, 2, 3, 4, 5].map((row) => made.add(row)));
    expect(results.map(({ status }) => status[0])).toEqual(["f", "f", "r", "f", "f"]);
    expect(results[2]).toMatchObject({ reason: poison });
    expect(told.written).toBe(4);
  });

  test("while the database is away the batch is tried again, and told once it is back", async () => {
    let failures = 2;
    const { made, told } = batches(async (rows) => {
      if (failures-- > 0) throw away;
      return rows.length;
    });
    await made.add(1);
    expect(told).toEqual({ troubles: 2, recoveries: 1, written: 1 });
  });

  test("what waits when the driver stops is given back", async () => {
    const { made, stop } = batches(async () => {
      stop.abort();
      throw away;
    });
    await expect(made.add(1)).rejects.toBe(away);
  });
});
