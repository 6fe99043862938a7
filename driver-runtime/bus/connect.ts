import { setTimeout as delay } from "node:timers/promises";
import type { ConnectionOptions, NatsConnection } from "@nats-io/nats-core";
import { connect, tokenAuthenticator } from "@nats-io/transport-node";
import type { Logger } from "pino";
import { DriverError } from "../errors.ts";
import { Link } from "./link.ts";
import type { TokenFile } from "./token-file.ts";

export interface BusAddress {
  /** NATS URLs. */
  servers: string[];
  /** Absent: the server asks for none (tests). */
  token?: TokenFile | undefined;
  /** Absent: no TLS. */
  caFile?: string | undefined;
  /** What the server's monitoring shows. */
  clientName: string;
}

const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 5_000;
const RECONNECT_WAIT_MS = 250;
const RECONNECT_JITTER_MS = 500;

/** Connects, trying for ever with backoff and saying why it has to; then the client reconnects by itself for ever. */
export async function connectBus(address: BusAddress, log: Logger, signal: AbortSignal): Promise<Link> {
  for (let attempt = 1; ; attempt++) {
    if (signal.aborted) throw new DriverError("Closed", "stopped before the bus could be reached");
    try {
      const link = new Link(await openConnection(address));
      log.info({ server: link.connection.getServer(), attempt }, "connected to the bus");
      logChanges(link, log);
      return link;
    } catch (error) {
      const waitMs = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
      log.warn(
        { servers: address.servers, attempt, retryInMs: waitMs, error: describe(error) },
        "the bus can't be reached yet; trying again",
      );
      await delay(waitMs, undefined, { signal }).catch(() => {});
    }
  }
}

/** One try. @throws what nats.js throws, or DriverError `Unavailable` without a token. */
export function openConnection(address: BusAddress): Promise<NatsConnection> {
  return connect(optionsFor(address));
}

function optionsFor({ servers, token, caFile, clientName }: BusAddress): ConnectionOptions {
  if (token && !token.read())
    throw new DriverError("Unavailable", `the bus token ${token.path} is not there yet, or empty`);
  return {
    servers,
    name: clientName,
    timeout: 5_000,
    maxReconnectAttempts: -1,
    // Two refusals in a row would close the client for good, and the next token may be taken.
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: () => RECONNECT_WAIT_MS + Math.random() * RECONNECT_JITTER_MS,
    pingInterval: 20_000,
    noAsyncTraces: true,
    ...(token && { authenticator: tokenAuthenticator(() => token.read()) }),
    // By its path: the client reads it at every connect, and it may hold another authority by then.
    ...(caFile && { tls: { caFile } }),
  };
}

function logChanges(link: Link, log: Logger): void {
  const { connection } = link;
  link.onChange((up) => {
    if (up) log.info({ server: connection.getServer() }, "connected to the bus again");
    // One that this process ends is not lost.
    else if (!connection.isDraining() && !connection.isClosed())
      log.warn("the connection to the bus is lost; reconnecting");
  });
  void logErrors(link.connection, log);
}

/** A denied publish or subscription shows only here. */
async function logErrors(connection: NatsConnection, log: Logger): Promise<void> {
  for await (const status of connection.status())
    if (status.type === "error") log.warn({ error: describe(status.error) }, "the bus reported an error");
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message || error.cause.name}` : "";
  return `${error.message || error.name}${cause}`;
}
