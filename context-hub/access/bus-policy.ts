import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import {
  type Authenticator,
  connect,
  credsAuthenticator,
  type Msg,
  type NatsConnection,
} from "@nats-io/transport-node";
import { HUB_POLICY, HubPolicyBeat, HubPolicyEntry, HubPolicyPage } from "@vextir/api";
import type { z } from "zod";
import { KnownPolicy } from "./known-policy.ts";

export interface BusPolicyOptions {
  servers: readonly string[];
  /** Of the hub's own user in the account `vextir`; read again at each connect. */
  authenticator: Authenticator;
  /** Absent: no TLS, on a loopback address. */
  caFile?: string;
  log: { info(about: object, message: string): void; warn(about: object, message: string): void };
}

export const credentialsOf = (file: string): Authenticator => {
  return (nonce) => credsAuthenticator(readFileSync(file))(nonce);
};

const REQUEST_MS = 2_000;
const RETRY_MS = 1_000;

/** What drivers are granted, as the operator's leader says it over the bus. It is never fresh while the bus or the leader is away. */
export class BusPolicy extends KnownPolicy {
  readonly #options: BusPolicyOptions;
  readonly #stopped = new AbortController();
  #connection: NatsConnection | undefined;
  #loading = false;

  private constructor(options: BusPolicyOptions) {
    super(() => performance.now());
    this.#options = options;
  }

  /** Returns at once; connects, and connects again, in the background. */
  static start(options: BusPolicyOptions): BusPolicy {
    const policy = new BusPolicy(options);
    void policy.#keepConnected();
    return policy;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#connection?.close();
  }

  async #keepConnected(): Promise<void> {
    const { signal } = this.#stopped;
    const { servers, authenticator, caFile, log } = this.#options;
    while (!signal.aborted) {
      try {
        const connection = await connect({
          servers: [...servers],
          name: "vextir-context-hub",
          authenticator,
          maxReconnectAttempts: -1,
          ignoreAuthErrorAbort: true,
          tls: caFile ? { caFile } : null,
        });
        if (signal.aborted) return await connection.close();
        this.#connection = connection;
        this.#hear(connection);
        log.info({ server: connection.getServer() }, "hears what is granted");
        await connection.closed();
      } catch (err) {
        log.warn({ err }, "the bus is not reachable: what is granted is not known");
      }
      await delay(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }

  #hear(connection: NatsConnection): void {
    const on = <T>(subject: string, schema: z.ZodType<T>, heard: (message: T) => void) =>
      connection.subscribe(subject, {
        // What is thrown here would end the subscription without a sign.
        callback: (error, message) => {
          const read = error ? undefined : readAs(schema, message);
          if (read !== undefined) heard(read);
        },
      });
    on(HUB_POLICY.changed, HubPolicyEntry, (entry) => this.changed(entry));
    on(HUB_POLICY.beat, HubPolicyBeat, (beat) => {
      if (this.beat(beat)) void this.#load(connection);
    });
  }

  /** One at a time; the next beat begins another when this one is of no use. */
  async #load(connection: NatsConnection): Promise<void> {
    if (this.#loading) return;
    this.#loading = true;
    try {
      for (let after: string | undefined = "", first = true; after !== undefined; first = false) {
        const answer = await connection.request(HUB_POLICY.page, JSON.stringify({ after }), {
          timeout: REQUEST_MS,
        });
        const page = readAs(HubPolicyPage, answer);
        if (!page || !this.page(page, first)) return;
        after = page.next;
      }
    } catch (err) {
      this.#options.log.warn({ err }, "the leader does not say what is granted");
    } finally {
      this.#loading = false;
    }
  }
}

function readAs<T>(schema: z.ZodType<T>, message: Msg): T | undefined {
  try {
    return schema.parse(message.json());
  } catch {
    return undefined;
  }
}
