import { describe, expect, test } from "@jest/globals";
import { timeIn } from "./zoned-time.ts";

const winter = new Date("2026-01-15T12:00:00Z");
const summer = new Date("2026-07-15T12:00:00Z");

describe("timeIn", () => {
  test.each([
    { zone: "Europe/Berlin", at: winter, iso: "2026-01-15T13:00:00+01:00", reason: "standard time" },
    { zone: "Europe/Berlin", at: summer, iso: "2026-07-15T14:00:00+02:00", reason: "summer time" },
    { zone: "europe/berlin", at: winter, iso: "2026-01-15T13:00:00+01:00", reason: "any case" },
    { zone: "Asia/Kathmandu", at: winter, iso: "2026-01-15T17:45:00+05:45", reason: "a quarter of an hour" },
    { zone: "Pacific/Kiritimati", at: winter, iso: "2026-01-16T02:00:00+14:00", reason: "tomorrow already" },
    { zone: "new york", at: winter, iso: "2026-01-15T07:00:00-05:00", reason: "a city that names a zone" },
    {
      zone: "San  Francisco",
      at: winter,
      iso: "2026-01-15T04:00:00-08:00",
      reason: "a city that names none",
    },
    { zone: "UTC", at: winter, iso: "2026-01-15T12:00:00+00:00", reason: "no offset" },
    { zone: "+05:30", at: winter, iso: "2026-01-15T17:30:00+05:30", reason: "an offset" },
  ])("$zone at $at: $reason", ({ zone, at, iso }) => {
    expect(timeIn(zone, at).iso).toBe(iso);
  });

  test("an offset with seconds, as before zones were standardised, is cut for RFC 3339", () => {
    const { iso } = timeIn("Asia/Tokyo", new Date("1880-01-01T00:00:00.250Z"));
    expect(iso).toBe("1880-01-01T09:18:59.250+09:18");
  });

  test("says it for people too", () => {
    expect(timeIn("Tokyo", winter)).toEqual({
      zone: "Asia/Tokyo",
      iso: "2026-01-15T21:00:00+09:00",
      offset: "+09:00",
      weekday: "Thursday",
      text: "Thursday, 15 January 2026 at 21:00",
    });
  });

  test.each([
    { zone: "Europe/Berln", hint: 'did you mean "Europe/Berlin"' },
    { zone: "Tokio", hint: 'did you mean "Asia/Tokyo"' },
    { zone: "Middle Earth", hint: "give an IANA name" },
    { zone: "../etc/passwd", hint: "give an IANA name" },
  ])("refuses $zone: $hint", ({ zone, hint }) => {
    expect(() => timeIn(zone, winter)).toThrow(
      expect.objectContaining({ code: "InvalidInput", message: expect.stringContaining(hint) }),
    );
  });
});
