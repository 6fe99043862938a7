import { z } from "zod";

/** What several types hold. Bounds are wide: they keep nonsense out, a driver's own schema may be narrower. */
export const id = z.string().min(1).max(512);
export const name = z.string().min(1).max(1_024);
export const text = z.string().min(1).max(1_048_576);
export const time = z.iso.datetime({ offset: true }).describe("RFC 3339.");
export const url = z.string().min(1).max(4_096).describe("A URL.");
export const count = z.int().min(0);

export const userId = id.describe("The user whom it concerns.").optional();
export const requestId = id.describe("Id of the event that asked for it.").optional();

export const address = z.object({
  address: z.string().min(3).max(320).describe("local@domain"),
  name: name.optional(),
});

/** Why something failed. */
export const fault = z.object({
  code: z.string().min(1).max(128).describe("Stable, for programs."),
  message: z.string().max(8_192).describe("For people."),
});

/** Members that programs give each other, of any kind. */
export const anything = z.record(z.string(), z.unknown());
