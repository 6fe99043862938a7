import type { FastifyReply } from "fastify";
import type { Acceptance } from "../acceptance.ts";
import { authorized } from "../access/authorize.ts";
import type { Principal } from "../access/grant.ts";
import type { BatchEntry } from "../cloudevents/structured.ts";
import { Problem, RETRY_AFTER_SECONDS } from "../problem.ts";
import type { Sender } from "./exchange.ts";

interface Result {
  id?: string;
  correlationid?: string;
  status: number;
  duplicate?: true;
  problem?: Problem;
}

/**
 * Publishes a batch. What is checked before is checked for all: one invalid event, and none is published. Then each event is
 * stored by itself: a batch is not atomic, and the results say what became of each. Sending the whole batch again stores
 * nothing twice within the bus's duplicate window.
 *
 * 202: all are stored; 207: some; else the status that all share.
 */
export async function acceptBatch(
  entries: readonly BatchEntry[],
  acceptance: Acceptance,
  { principal, claim }: Sender,
  reply: FastifyReply,
): Promise<unknown> {
  const checked = await Promise.all(entries.map((entry) => checkedEntry(entry, principal, acceptance)));
  const invalid = checked.filter((entry) => entry instanceof Problem);
  if (invalid.length > 0) throw invalidBatch(checked, invalid);
  if (entries.length === 0) return reply.code(202).send({ ids: [], results: [] });
  const release = claim();
  let left = entries.length;
  const settled = () => {
    if (--left === 0) release();
  };
  const results = await Promise.all(
    checked.map((entry) =>
      entry instanceof Problem
        ? resultOf(entry)
        : one(acceptance.accept(entry, principal, settled), entry.id),
    ),
  );
  const status = commonStatus(results);
  if (status === 503) reply.header("retry-after", RETRY_AFTER_SECONDS);
  const ids = results.filter((result) => result.status === 202).map((result) => result.id);
  return reply.code(status).send({ ids, results });
}

/** The entry, or what the sender may not do, or what its data lacks. */
async function checkedEntry(
  entry: BatchEntry,
  principal: Principal,
  acceptance: Acceptance,
): Promise<BatchEntry> {
  if (entry instanceof Problem) return entry;
  try {
    const event = authorized(entry, principal);
    return (await acceptance.refusal(event)) ?? event;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

async function one(accepting: ReturnType<Acceptance["accept"]>, id: string): Promise<Result> {
  try {
    return { ...(await accepting), status: 202 };
  } catch (error) {
    if (error instanceof Problem) return resultOf(error, id);
    throw error;
  }
}

const resultOf = (problem: Problem, id?: string): Result => ({
  ...(id !== undefined && { id }),
  status: problem.status,
  problem,
});

function invalidBatch(entries: readonly BatchEntry[], invalid: readonly Problem[]): Problem {
  const results = entries.map((entry, index) =>
    entry instanceof Problem ? { index, problem: entry } : undefined,
  );
  const members = { results: results.filter((result) => result !== undefined) };
  const count = `${invalid.length} of ${entries.length} events`;
  if (invalid.every(({ status }) => status === 403))
    return new Problem("NotAllowed", `${count} may not be sent: none was published`, {
      members,
      headers: invalid[0]?.headers ?? {},
    });
  return new Problem("InvalidBatch", `${count} are invalid: none was published`, { members });
}

function commonStatus(results: readonly Result[]): number {
  const statuses = new Set(results.map((result) => result.status));
  const [first = 202] = statuses;
  return statuses.size > 1 ? 207 : first;
}
