import { z } from "zod";
import { ContextGrant } from "../kinds/driver.ts";

/**
 * How the context hub hears what drivers are granted: over plain NATS in the account `vextir`, from the operator's leader, who is the
 * only one that may send it. Nothing is stored: what is older than a few seconds would be refused all the same.
 */
export const HUB_POLICY = {
  /** Each second: `HubPolicyBeat`. */
  beat: "hub.policy.beat",
  /** When a driver's grants are others: `HubPolicyEntry`. */
  changed: "hub.policy.changed",
  /** Asked for a `HubPolicyPage`. */
  page: "hub.policy.page",
  /** The leader beats as often. */
  beatMs: 1_000,
  /** Drivers on a page: each may have 64 grants, and a message is 1 MiB at most. */
  pageSize: 25,
} as const;

const Revision = z.int().min(0);

/** What one driver is granted. */
export const HubPolicyEntry = z.object({
  /** Of the leader that says it: another's revisions are not comparable. */
  epoch: z.string().min(1),
  /** Of this change. */
  revision: Revision,
  tenant: z.string().min(1),
  driver: z.string().min(1),
  /** Of the driver's ServiceAccount; absent: there is no such driver any more. */
  uid: z.string().min(1).optional(),
  grants: z.array(ContextGrant).default([]),
});
export type HubPolicyEntry = z.infer<typeof HubPolicyEntry>;

export const HubPolicyBeat = z.object({
  epoch: z.string().min(1),
  /** Of the last change. */
  revision: Revision,
});
export type HubPolicyBeat = z.infer<typeof HubPolicyBeat>;

/** Drivers behind `after`, as `<tenant>/<driver>`, in order. */
export const HubPolicyPageRequest = z.object({ after: z.string().default("") });

export const HubPolicyPage = z.object({
  epoch: z.string().min(1),
  /** Of the last change when the page was made: what is said of its drivers is as new. */
  revision: Revision,
  entries: z.array(HubPolicyEntry),
  /** To ask for the next page after; absent: there is none. */
  next: z.string().optional(),
});
export type HubPolicyPage = z.infer<typeof HubPolicyPage>;
