import { type Database, migrateWhenThere } from "@vextir/database";
import {
  type CallContext,
  type Context,
  driver,
  durationMs,
  type Event,
  HANDLINGS_TYPE,
  Handlings,
  method,
  on,
  RetryableError,
  TerminalError,
  ToolDriver,
  tool,
} from "@vextir/driver-runtime";
import { Config } from "./config.ts";
import { failureOf } from "./database/failure.ts";
import { openLedgerDatabase } from "./database/open.ts";
import { Ledger } from "./ledger.ts";
import { getEvent } from "./reading/get.ts";
import { knownEvents } from "./reading/known.ts";
import { lineageOf } from "./reading/lineage.ts";
import { queryEvents } from "./reading/query.ts";
import {
  GetInput,
  GetOutput,
  KnownInput,
  KnownOutput,
  LineageInput,
  LineageOutput,
  QueryInput,
  QueryOutput,
} from "./reading/schemas.ts";
import { ledgerSchema } from "./schema/migrate.ts";

export { Config } from "./config.ts";

const HOUR_MS = 3_600_000;
/** Its handlers wait for the database as long as it takes; the bus is told meanwhile that they are at work. */
const FOR_EVER = { timeoutMs: Number.POSITIVE_INFINITY, lenient: true };

/** History and lineage of every event and of every handling. */
@driver({
  name: "ledger",
  version: "0.1.0",
  resources: { requests: { cpu: "10m", memory: "96Mi" } },
  class: "Tool",
  description: "Keeps every event and what became of it, and answers questions about them.",
  config: Config,
})
export default class LedgerDriver extends ToolDriver<typeof Config> {
  #database: Database | undefined;
  #ledger: Ledger | undefined;
  #sweep: NodeJS.Timeout | undefined;

  override async start(): Promise<void> {
    const schema = this.config.schema ?? `ledger_${this.namespace.replaceAll("-", "_")}`;
    const { url, password, path, connections } = this.config;
    const onIdleError = (error: Error) => this.#tell(error);
    const database = await openLedgerDatabase(schema, { url, password, path, connections, onIdleError });
    this.#database = database;
    const up = this.metrics.gauge(
      "vextir_ledger_database_up",
      "1 while the database takes what is recorded, else 0.",
    );
    const recorded = this.metrics.counter(
      "vextir_ledger_recorded_total",
      "Rows that were committed, by what: events, handlings; by outcome: Recorded, Duplicate.",
      ["what", "outcome"],
    );
    await migrateWhenThere(database, ledgerSchema(schema), {
      signal: this.signal,
      trouble: (error) => this.#tell(error),
    });
    up.set(1);
    this.#ledger = new Ledger({
      database,
      schema,
      retentionMs: durationMs(this.config.retention),
      signal: this.signal,
      written: (what, rows, fresh) => {
        recorded.inc({ what, outcome: "Recorded" }, fresh);
        if (what === "events") recorded.inc({ what, outcome: "Duplicate" }, rows - fresh);
      },
      trouble: (error) => {
        up.set(0);
        this.#tell(error);
      },
      recovered: () => {
        up.set(1);
        this.log.info("the database takes what is recorded again");
      },
    });
    this.#sweep = setInterval(() => void this.#dropOld(), HOUR_MS).unref();
    await this.#dropOld();
  }

  override async stop(): Promise<void> {
    clearInterval(this.#sweep);
    await this.#database?.close();
  }

  @on(">", undefined, FOR_EVER)
  async record(event: Event, { storedMs }: Context): Promise<void> {
    await lasting(this.#opened.ledger.record(event, storedMs));
  }

  @on(HANDLINGS_TYPE, Handlings, { ...FOR_EVER, subscription: "handlings" })
  async recordHandlings(event: Event<Handlings>, { storedMs }: Context): Promise<void> {
    await lasting(this.#opened.ledger.recordHandlings(event.publisher, event.data.handlings, storedMs));
  }

  @tool({
    description: "Find recorded events by type, user, source, publisher, time, correlation or words.",
    input: QueryInput,
    output: QueryOutput,
  })
  query(input: QueryInput): Promise<QueryOutput> {
    return queryEvents(this.#opened.database, input);
  }

  @tool({
    description: "Show one recorded event with its data, and each attempt of a driver to handle it.",
    input: GetInput,
    output: GetOutput,
  })
  get(input: GetInput): Promise<GetOutput> {
    return getEvent(this.#opened.database, input);
  }

  @tool({
    description: "Show what caused an event and what it caused, as a graph, with each driver's handling.",
    input: LineageInput,
    output: LineageOutput,
  })
  lineage(input: LineageInput): Promise<LineageOutput> {
    return lineageOf(this.#opened.database, input);
  }

  /** For a publisher to know an event again that is sent to it a second time; of others' events it learns nothing. */
  @method({ input: KnownInput, output: KnownOutput })
  known(input: KnownInput, { caller }: CallContext): Promise<KnownOutput> {
    return knownEvents(this.#opened.database, caller, input);
  }

  get #opened(): { database: Database; ledger: Ledger } {
    if (!this.#database || !this.#ledger) throw new RetryableError("the ledger has not started");
    return { database: this.#database, ledger: this.#ledger };
  }

  #tell(error: unknown): void {
    this.log.warn({ err: error }, "the database does not do its part; this is tried again until it does");
  }

  async #dropOld(): Promise<void> {
    try {
      const dropped = (await this.#ledger?.dropOld(Date.now())) ?? [];
      if (dropped.length > 0) this.log.info({ dropped }, "dropped what is older than the retention");
    } catch (error) {
      this.#tell(error);
    }
  }
}

/** A row that the database will never take goes to the dead letters; all else is delivered again. */
async function lasting(recorded: Promise<void>): Promise<void> {
  try {
    await recorded;
  } catch (cause) {
    const { message } = cause as Error;
    throw failureOf(cause) === "Row"
      ? new TerminalError(`the database can't hold it: ${message}`, { cause })
      : new RetryableError(`not recorded: ${message}`, { cause, retryAfterMs: 1_000 });
  }
}
