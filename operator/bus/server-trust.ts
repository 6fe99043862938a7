import type { NatsConnection } from "@nats-io/transport-node";
import { z } from "zod";
import { onBus } from "./bus-failure.ts";

/** The public keys whose accounts a running server takes: those of the configuration that it was started with. */
export interface ServerTrust {
  server: string;
  signingKeys: readonly string[];
}

const Answer = z.object({
  server: z.object({ name: z.string() }),
  data: z.object({
    trusted_operators_claim: z.array(
      z.object({ nats: z.object({ signing_keys: z.array(z.string()).default([]) }) }),
    ),
  }),
});

const EVERY_SERVER = { strategy: "stall", maxWait: 2_000, stall: 300 } as const;

/** Asks every server. @throws BusError */
export function serverTrust(connection: NatsConnection): Promise<ServerTrust[]> {
  return onBus("ask the servers which operator they know", async () => {
    const found: ServerTrust[] = [];
    for await (const message of await connection.requestMany("$SYS.REQ.SERVER.PING.VARZ", "", EVERY_SERVER)) {
      const { server, data } = Answer.parse(message.json());
      const signingKeys = data.trusted_operators_claim.flatMap(({ nats }) => nats.signing_keys);
      found.push({ server: server.name, signingKeys });
    }
    return found;
  });
}
