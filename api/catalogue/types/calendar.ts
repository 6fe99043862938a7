import { z } from "zod";
import { entry } from "../entry.ts";
import { address, count, fault, id, name, requestId, text, time, url, userId } from "../parts.ts";

const calendarId = id.describe("The calendar, as its provider names it.");
const details = {
  title: name,
  start: time,
  end: time,
  allDay: z.boolean().optional(),
  description: text.optional(),
  location: name.optional(),
  attendees: address.array().max(1_000).optional(),
  url: url.optional(),
};
const known = { calendarId, eventId: id, userId };

export default [
  entry("calendar.event.requested", "An entry of a calendar is asked for.", {
    calendarId: calendarId.optional(),
    userId,
    ...details,
  }),
  entry("calendar.event.created", "An entry of a calendar is new.", { ...known, ...details, requestId }),
  entry("calendar.event.updated", "An entry of a calendar changed; this is what it says now.", {
    ...known,
    ...details,
  }),
  entry("calendar.event.deleted", "An entry of a calendar is gone.", known),
  entry("calendar.event.due", "An entry of a calendar begins soon.", {
    ...known,
    title: name,
    start: time,
    minutesBefore: count,
  }),
  entry("calendar.request.failed", "An entry of a calendar could not be made.", {
    requestId,
    userId,
    error: fault,
  }),
];
