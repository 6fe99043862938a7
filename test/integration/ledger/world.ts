import { randomUUID } from "node:crypto";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import type { LineageOutput, QueryOutput } from "@vextir/driver-ledger/reading/schemas.ts";
import pg from "pg";
import { DriverProcess, type ProcessInput } from "../../fixtures/driver-process.ts";
import { startBus, type TestBus } from "../../fixtures/nats.ts";
import { PostgresProcess } from "../../fixtures/postgres.ts";

export const LEDGER: Omit<ProcessInput, "config"> = {
  name: "ledger",
  class: "Tool",
  module: "ledger",
  subscriptions: [
    { types: [">"], delivery: { ackWait: "5s", maxDeliver: 100 } },
    { name: "handlings", from: "Handlings", types: [">"], delivery: { ackWait: "5s", maxDeliver: 100 } },
  ],
};

/** A bus, a PostgreSQL, and the ledger as a process, each of which can be killed. */
export class LedgerWorld {
  readonly bus: TestBus;
  readonly database: PostgresProcess;
  ledger: DriverProcess | undefined;
  readonly #reports: { stop(): unknown };

  private constructor(bus: TestBus, database: PostgresProcess) {
    this.bus = bus;
    this.database = database;
    this.#reports = bus.acceptReports();
  }

  static async start(): Promise<LedgerWorld> {
    const [bus, database] = await Promise.all([startBus(), PostgresProcess.start()]);
    const world = new LedgerWorld(bus, database);
    await bus.driver("gateway", { capabilities: { publish: [">"] } });
    return world;
  }

  /** `config`: default the PostgreSQL, its password as a secret's file. */
  async startLedger(config?: Record<string, unknown>): Promise<DriverProcess> {
    const { url, password } = this.database;
    const input = config ? { config } : { config: { url }, secrets: { password } };
    this.ledger = await DriverProcess.start(this.bus, { ...LEDGER, ...input });
    return this.ledger;
  }

  /** As the server says it, past the driver. */
  async sql<R extends Record<string, unknown>>(text: string): Promise<R[]> {
    const { url, password } = this.database;
    const client = new pg.Client({
      connectionString: url.replace("ledger@", `ledger:${encodeURIComponent(password)}@`),
      options: "-c search_path=ledger_team",
    });
    // It is killed under this client now and then.
    client.on("error", () => {});
    await client.connect();
    try {
      return (await client.query<R>(text)).rows;
    } finally {
      await client.end().catch(() => {});
    }
  }

  async count(from: string): Promise<number> {
    const [row] = await this.sql<{ count: number }>(`select count(*)::integer as count from ${from}`);
    return row?.count ?? 0;
  }

  async stop(): Promise<void> {
    await this.ledger?.stop("SIGKILL");
    await this.#reports.stop();
    await this.bus.stop();
    await this.database.remove();
  }
}

export interface Sent {
  id?: string;
  type: string;
  cause?: string;
  root?: string;
  data?: string;
  hops?: number;
}

/** An event by a raw client, unacknowledged. */
export function publish(connection: NatsConnection, { id = randomUUID(), ...sent }: Sent): void {
  const [subject, set, payload] = message({ id, ...sent });
  connection.publish(subject, payload, { headers: set });
}

/** As `publish`; resolves when the stream has it. */
export async function publishSafely(connection: NatsConnection, sent: Sent & { id: string }): Promise<void> {
  const [subject, set, payload] = message(sent);
  // The same for every attempt.
  set.set("Nats-Msg-Id", sent.id);
  for (;;) {
    try {
      const ack = (await connection.request(subject, payload, { headers: set, timeout: 1_000 })).json<{
        seq?: number;
      }>();
      if (ack.seq) return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function message({ id = "", type, cause, root, hops, data = "{}" }: Sent) {
  const set = headers();
  const attributes = { specversion: "1.0", id, source: "/test", type, datacontenttype: "application/json" };
  for (const [name, value] of Object.entries(attributes)) set.set(`ce-${name}`, value);
  if (cause) set.set("ce-causationid", cause);
  if (root) set.set("ce-correlationid", root);
  if (hops) set.set("ce-hops", String(hops));
  return [`evt.gateway.0.${type}`, set, data] as const;
}

export type { LineageOutput, QueryOutput };
