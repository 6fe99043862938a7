import { createHash } from "node:crypto";
import { invalid } from "../rpc/hub-error.ts";

/** A place in a list that `question` asked for: a number, after which the next page begins. */
export function pageToken(question: unknown, at: string): string {
  return `${digest(question)}.${at}`;
}

/** Undefined: the first page. @throws HubError `INVALID_ARGUMENT` when it is no token, or another question's. */
export function placeOf(question: unknown, token: string): string | undefined {
  if (!token) return undefined;
  const [, of, at] = /^([\w-]{16})\.(\d{1,18})$/.exec(token) ?? [];
  if (at === undefined) throw invalid("page_token", "not one that the hub gave");
  if (of !== digest(question)) throw invalid("page_token", "given for another question");
  return at;
}

const digest = (question: unknown) =>
  createHash("sha256").update(JSON.stringify(question)).digest("base64url").slice(0, 16);

/** @throws HubError `INVALID_ARGUMENT` */
export function sizeOf(
  field: string,
  value: number,
  { most, otherwise }: { most: number; otherwise: number },
): number {
  if (value < 0 || value > most) throw invalid(field, `1 to ${most}`);
  return value || otherwise;
}
