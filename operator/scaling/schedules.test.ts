import { describe, expect, test } from "@jest/globals";
import { Schedules, schedulesProblem } from "./schedules.ts";

const berlin = (cron: string, minReplicaCount: number) => ({
  cron,
  minReplicaCount,
  timezone: "Europe/Berlin",
});
const at = (schedules: ReturnType<typeof berlin>[], time: string) =>
  new Schedules(schedules).at(Date.parse(time)).minReplicaCount;

describe("the schedule that began last is in force", () => {
  const office = [berlin("0 8 * * 1-5", 3), berlin("0 18 * * 1-5", 1)];
  test.each([
    ["before it begins", "2026-11-27T06:59:59Z", 1],
    ["from its minute on", "2026-11-27T07:00:00Z", 3],
    ["until the other begins", "2026-11-27T16:59:59Z", 3],
    ["after the other began", "2026-11-27T17:00:00Z", 1],
    ["over the weekend", "2026-11-29T12:00:00Z", 1],
    ["in summer an hour earlier, by UTC", "2026-07-01T06:00:00Z", 3],
  ])("%s", (_, time, expected) => {
    expect(at(office, time)).toBe(expected);
  });

  test("of two that begin together the higher minimum counts, in either order", () => {
    const both = [berlin("0 8 * * *", 2), berlin("0 8 * * *", 5)];
    expect(at(both, "2026-11-27T07:00:00Z")).toBe(5);
    expect(at(both.toReversed(), "2026-11-27T07:00:00Z")).toBe(5);
  });

  test("without schedules there is no minimum", () => {
    expect(at([], "2026-11-27T07:00:00Z")).toBe(0);
  });

  test("a clock that jumps, either way, finds what is in force there", () => {
    const schedules = new Schedules(office);
    const times = [
      "2026-11-27T12:00:00Z",
      "2026-11-27T20:00:00Z",
      "2026-11-27T12:00:00Z",
      "2031-01-03T12:00:00Z",
    ];
    expect(times.map((time) => schedules.at(Date.parse(time)).minReplicaCount)).toEqual([3, 1, 3, 3]);
  });
});

describe("where clocks change", () => {
  const night = [berlin("30 2 * * *", 4), berlin("0 12 * * *", 0)];
  test.each([
    ["the hour that is left out: not before its end", "2026-03-29T00:59:59Z", 0],
    ["the hour that is left out: at its end", "2026-03-29T01:00:00Z", 4],
    ["the hour that comes twice: the first time", "2026-10-25T00:30:00Z", 4],
    ["the hour that comes twice: still, the second time", "2026-10-25T01:30:00Z", 4],
  ])("%s", (_, time, expected) => {
    expect(at(night, time)).toBe(expected);
  });

  test("what ended in between does not begin again when the hour comes a second time", () => {
    const nights = [berlin("30 2 * * *", 4), berlin("45 2 * * *", 1)];
    expect(at(nights, "2026-10-25T01:31:00Z")).toBe(1);
  });
});

describe("what is wrong is named with its place", () => {
  test.each([
    ["an unknown time zone", { ...berlin("0 8 * * *", 1), timezone: "Mars/Base" }, "x[0].timezone"],
    ["a day that never comes", berlin("0 0 30 2 *", 1), "x[0].cron"],
    ["a minute that there is not", berlin("61 0 * * *", 1), "x[0].cron"],
    ["words", berlin("every day at noon please", 1), "x[0].cron"],
    ["seconds", berlin("0 0 8 * * *", 1), "x[0].cron"],
  ])("%s", (_, schedule, place) => {
    expect(schedulesProblem([schedule], "x")).toContain(`${place}: `);
  });

  test("a leap day is no mistake", () => {
    expect(schedulesProblem([berlin("0 0 29 2 *", 1)], "x")).toBeUndefined();
  });
});
