import type { NatsConnection } from "@nats-io/transport-node";
import { z } from "zod";

/** Accounts asked after at a time: each is some 400 bytes of an answer that is one message. */
const AT_ONCE = 500;
/** Answers of all servers: done when none came for a while. */
const EVERY_SERVER = { strategy: "stall", maxWait: 1_000, stall: 100 } as const;

/**
 * Counted for each message beside its bytes, which are those of headers and payload alone: else messages of nothing but a subject, which
 * is stored with them, would be for nothing.
 */
const MESSAGE_BYTES = 128;

const Received = z
  .object({ bytes: z.number(), msgs: z.number() })
  .transform(({ bytes, msgs }) => bytes + MESSAGE_BYTES * msgs);
const Accounts = z.object({
  data: z.object({
    account_statz: z.array(z.object({ acc: z.string(), received: Received })).nullish(),
  }),
});
const Server = z.object({ statsz: z.object({ received: Received }) });

/** Bytes that clients of these accounts have sent, over all servers, since each began; of accounts without clients nothing. */
export async function accountTraffic(
  connection: NatsConnection,
  ids: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const sent = new Map<string, number>();
  for (let i = 0; i < ids.length; i += AT_ONCE) {
    const asked = JSON.stringify({ accounts: ids.slice(i, i + AT_ONCE) });
    const answers = await connection.requestMany("$SYS.REQ.ACCOUNT.PING.STATZ", asked, EVERY_SERVER);
    for await (const answer of answers) {
      for (const { acc, received } of Accounts.parse(answer.json()).data.account_statz ?? [])
        sent.set(acc, (sent.get(acc) ?? 0) + received);
    }
  }
  return sent;
}

/** Bytes that everybody has sent, over all servers, since each began. */
export async function totalTraffic(connection: NatsConnection): Promise<number> {
  let bytes = 0;
  const answers = await connection.requestMany("$SYS.REQ.SERVER.PING.STATSZ", "", EVERY_SERVER);
  for await (const answer of answers) bytes += Server.parse(answer.json()).statsz.received;
  return bytes;
}
