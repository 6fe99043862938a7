import type { Violation } from "../policy/violation.ts";

/** One import of the driver's account: something that exists in its world. */
export interface ExplainedImport {
  /** What it is for: `publish`, `pull`, `call`. */
  name: string;
  type: "service" | "stream";
  /** Whose account it comes from: `bus`, `operator`, `driver toolbox`. */
  from: string;
  /** As the driver sees it. */
  subject: string;
}

/** One line of the spec that grants something, and what it comes to. */
export interface ExplainedGrant {
  /** `spec.capabilities.publish[0]` */
  line: string;
  /** What stands there. */
  value: string;
  imports: ExplainedImport[];
  /** What is not seen in the imports: who else enforces it, what covers it, who is not there. */
  remark?: string;
}

/** Something that the code says it needs. */
export interface ExplainedNeed {
  /** `publish chat.message.sent` */
  need: string;
  /** Lines of the spec that grant it; none: it is missing. */
  grantedBy: string[];
}

/** A policy that bounds the driver, rule by rule. */
export interface ExplainedPolicy {
  name: string;
  bounds: { rule: string; allowed: string }[];
}

/** What a driver may do, by which line, and what bounds it. */
export interface Explanation {
  namespace: string;
  name: string;
  /** Whether it has what is listed: a Driver that its policies don't admit has nothing. */
  isAdmitted: boolean;
  violations: Violation[];
  /** Why the grants can't be carried out as they are; then no imports are listed. */
  problem?: string;
  grants: ExplainedGrant[];
  /** What every driver has. */
  always: ExplainedImport[];
  /** What it offers to those that are granted it. */
  offers: { name: string; type: string; subject: string }[];
  limits: { connections: number; subscriptions: number; payloadBytes: number };
  /** Undefined: no pod has said yet what its code needs. */
  needs?: { manifest: string; needs: ExplainedNeed[]; unsubscribed: string[] };
  policies: ExplainedPolicy[];
}
