import type { NatsConnection } from "@nats-io/transport-node";
import { BusError } from "./authority.ts";
import { onBus } from "./bus-failure.ts";

const REQUEST_MS = 5_000;

/**
 * Lets a server read its configuration and its certificates again; connections live on.
 * @throws BusError `Refused` with what the server says, for example of what only a restart can change.
 */
export async function reloadServer(connection: NatsConnection, serverId: string): Promise<void> {
  const answer = await onBus(`reload server ${serverId}`, async () => {
    const subject = `$SYS.REQ.SERVER.${serverId}.RELOAD`;
    return (await connection.request(subject, "", { timeout: REQUEST_MS })).json<{
      error?: { description?: string };
    }>();
  });
  if (!answer.error) return;
  const why = answer.error.description ?? "no reason given";
  throw new BusError("Refused", `server ${serverId} does not take its configuration: ${why}`);
}
