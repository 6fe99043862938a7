import { z } from "zod";
import { resolveZone } from "./zones.ts";

export const TimeInput = z.object({
  zone: z
    .string()
    .min(1)
    .max(100)
    .describe('An IANA time zone ("Europe/Berlin"), a UTC offset ("+05:30") or a well-known city ("Tokyo").'),
  at: z.iso.datetime({ offset: true }).optional().describe("The instant to show, RFC 3339. Default: now."),
});

export const TimeOutput = z.object({
  zone: z.string().describe("The zone that was meant."),
  iso: z.string().describe("RFC 3339, with the zone's offset."),
  offset: z.string().describe("From UTC at that instant: +01:00."),
  weekday: z.string(),
  text: z.string().describe("For people: Sunday, 22 November 2026 at 20:44."),
});

/** An instant as the clocks of a zone show it. @throws DriverError `InvalidInput` for an unknown zone. */
export function timeIn(name: string, instant: Date): z.infer<typeof TimeOutput> {
  const timeZone = resolveZone(name);
  const offset = offsetAt(timeZone, instant);
  const local = new Date(instant.getTime() + offset.ms);
  const format = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat("en-GB", { timeZone, ...options }).format(instant);
  return {
    zone: timeZone,
    iso: local.toISOString().replace(/(\.000)?Z$/, offset.text),
    offset: offset.text,
    weekday: format({ weekday: "long" }),
    text: `${format({ dateStyle: "full" })} at ${format({ hour: "2-digit", minute: "2-digit" })}`,
  };
}

function offsetAt(timeZone: string, instant: Date): { text: string; ms: number } {
  const parts = new Intl.DateTimeFormat("en", { timeZone, timeZoneName: "longOffset" }).formatToParts(
    instant,
  );
  const name = parts.find((part) => part.type === "timeZoneName")?.value ?? "";
  const match = /([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(name);
  if (!match) return { text: "+00:00", ms: 0 };
  const [, sign, hours, minutes, seconds = "0"] = match;
  // Before zones were standardised, offsets had seconds; RFC 3339 has no place for them.
  const size = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  return { text: `${sign}${hours}:${minutes}`, ms: (sign === "-" ? -size : size) * 1_000 };
}
