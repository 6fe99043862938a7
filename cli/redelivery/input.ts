import { Duration, durationMs } from "@vextir/api";
import { z } from "zod";
import { LocalError } from "../local/local-error.ts";

/** A time as it is written, or so long ago: `2026-11-27T09:30:00Z`, `90m`. @throws LocalError `BadInput` */
export function instantOf(text: string, now: number): string {
  if (Duration.safeParse(text).success) return new Date(now - durationMs(text)).toISOString();
  const written = /^\d{4}-\d\d-\d\d(T.*)?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(written)) return new Date(written).toISOString();
  throw new LocalError(
    "BadInput",
    `"${text}" is no time: write 2026-11-27T09:30:00Z, or 90m for 90 minutes ago`,
  );
}

/** @throws LocalError `BadInput` */
export function understood<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new LocalError("BadInput", z.prettifyError(result.error));
}
