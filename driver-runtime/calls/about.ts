import { OwnType } from "@vextir/api";
import { z } from "zod";
import type { MethodDefinition } from "../driver/definition.ts";

/** A method that every driver has: what it is, and how it does. */
export const ABOUT_METHOD = "_about";

export const About = z.object({
  name: z.string().describe("By its code; the Driver object may be named otherwise."),
  version: z.string(),
  ready: z.boolean().describe("Of the replica that answers."),
  obstacles: z.array(z.string()).describe("What keeps it from being ready."),
  events: z.array(OwnType).max(256).describe("Types of its own, as in its manifest."),
});
export type About = z.infer<typeof About>;

/** It does nothing but answer, and costs little: who is granted it may ask often. */
export function aboutMethod(about: () => About): MethodDefinition {
  return { name: ABOUT_METHOD, call: about };
}
