import { setTimeout as delay } from "node:timers/promises";
import type { Database, Session } from "@vextir/database";
import type { Scope } from "../access/grants.ts";
import { guestOf } from "../schema/migrate.ts";
import { Tenants } from "../schema/tenants.ts";
import { KnownWords } from "./known-words.ts";

const TRIES = 4;
const FIRST_RETRY_MS = 20;
/** Two transactions met: serialization_failure, deadlock_detected. */
const MET = /^40(001|P01)$/;

/** The database as a request may see it. */
export class Store {
  readonly database: Database;
  readonly schema: string;
  readonly words = new KnownWords();
  readonly #guest: string;
  readonly #tenants: Tenants;
  readonly #listeners = new Map<string, Set<() => void>>();

  constructor(database: Database, schema: string) {
    this.database = database;
    this.schema = schema;
    this.#guest = guestOf(schema);
    this.#tenants = new Tenants(database, schema);
  }

  /** A transaction that sees what `scope` covers: row-level security holds it to that, whatever its statements say. */
  within<T>(scope: Scope, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#retried(() => this.database.transaction(work, this.#preamble(scope)));
  }

  /** The same for what changes something: the tenant has its tables, and who watches is told afterwards. */
  async writing<T>(scope: Scope, work: (session: Session) => Promise<T>): Promise<T> {
    await this.#tenants.ensure(scope.tenant);
    const result = await this.within(scope, (session) =>
      this.#forgetting(scope.tenant, () => work(session)),
    ).catch((error) => {
      this.words.forget(scope.tenant);
      throw error;
    });
    for (const told of this.#listeners.get(scope.tenant) ?? []) told();
    return result;
  }

  /** What a transaction wrote is not there when it ends in an error, also when it is tried again. */
  async #forgetting<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.words.forget(tenant);
      throw error;
    }
  }

  /** `told` whenever this process has written for the tenant. @returns what ends that. */
  onWrite(tenant: string, told: () => void): () => void {
    const listeners = this.#listeners.get(tenant) ?? new Set();
    this.#listeners.set(tenant, listeners.add(told));
    return () => {
      listeners.delete(told);
      if (listeners.size === 0) this.#listeners.delete(tenant);
    };
  }

  #preamble({ tenant, user, everybody, own }: Scope): string {
    const settings = {
      role: this.#guest,
      "hub.tenant": tenant,
      "hub.user": user,
      "hub.everybody": arrayOf(everybody),
      "hub.own": arrayOf(own),
    };
    const set = Object.entries(settings).map(
      ([name, value]) => `set_config('${name}', ${literal(value)}, true)`,
    );
    return `select ${set.join(", ")};`;
  }

  async #retried<T>(work: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await work();
      } catch (error) {
        if (tries === TRIES || !MET.test(String((error as { code?: unknown }).code))) throw error;
        await delay(FIRST_RETRY_MS * 2 ** tries * (0.5 + Math.random()));
      }
    }
  }
}

/** Collections hold neither quotes nor backslashes nor commas; quoted all the same. */
const arrayOf = (values: readonly string[]) =>
  `{${values.map((value) => `"${value.replaceAll(/["\\]/g, "\\$&")}"`).join(",")}}`;

/** A text as a literal of SQL. It holds no NUL: PostgreSQL knows none. */
const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;
