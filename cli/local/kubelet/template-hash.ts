import { createHash } from "node:crypto";
import { canonicalJson } from "@vextir/api";
import type { PodTemplate } from "@vextir/operator/workloads.ts";

/** Tells templates apart; part of a pod's name. */
export const templateHash = (template: PodTemplate) =>
  createHash("sha256").update(canonicalJson(template)).digest("hex").slice(0, 8);
