import { CallPattern, matches, TypePattern } from "@vextir/driver-runtime";
import { z } from "zod";

/** What somebody may do here. Grants add up; whatever they say, the Driver's own capabilities are the most there is. */
export const Grant = z.object({
  publish: z.array(TypePattern).max(64).default([]).describe("Types of events that may be sent."),
  read: z
    .array(TypePattern)
    .max(64)
    .default([])
    .describe("Types of events that may be seen: by waiting, in streams, in the history."),
  tools: z
    .array(CallPattern)
    .max(64)
    .default([])
    .describe("Tools that are shown and may be called over MCP: <driver>.<method>, '*' for a part."),
  users: z
    .enum(["Own", "Any"])
    .default("Own")
    .describe("Own: only events of the same user, or of none where there is no user. Any: everybody's."),
});
export type Grant = z.infer<typeof Grant>;

/** Who a request comes from, as far as it was proved. */
export interface Principal {
  /** Unique among principals of all kinds; safe to log. */
  readonly id: string;
  /** The `userid` of the events that it sends; absent: it stands for no user. */
  readonly userId?: string;
  readonly grants: readonly Grant[];
  /** When the proof runs out; absent: never. */
  readonly expiresMs?: number;
}

const isOf = ({ users }: Grant, { userId }: Principal, user: string | undefined) =>
  users === "Any" || user === userId;

export const mayPublish = (principal: Principal, type: string, user: string | undefined) =>
  principal.grants.some(
    (grant) => isOf(grant, principal, user) && grant.publish.some((pattern) => matches(pattern, type)),
  );

/** Whether it may send in the name of this user, whatever the type. */
export const maySpeakFor = (principal: Principal, user: string | undefined) =>
  principal.grants.some((grant) => grant.publish.length > 0 && isOf(grant, principal, user));

export const mayRead = (principal: Principal, type: string, user: string | undefined) =>
  principal.grants.some(
    (grant) => isOf(grant, principal, user) && grant.read.some((pattern) => matches(pattern, type)),
  );

export const readsAnything = (principal: Principal) => principal.grants.some(({ read }) => read.length > 0);

/** `tool`: `<driver>.<method>`. */
export const mayCall = ({ grants }: Principal, tool: string) =>
  grants.some(({ tools }) => tools.some((pattern) => matches(pattern, tool)));

export const callsAnything = ({ grants }: Principal) => grants.some(({ tools }) => tools.length > 0);
