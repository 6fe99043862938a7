import type { Server as HttpServer, IncomingMessage } from "node:http";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import type { SecureContextOptions } from "node:tls";
import type { Logger } from "pino";
import { Counter, Gauge, type Registry } from "prom-client";
import { RequestError, Server } from "proxy-chain";
import { type CalloutDecision, REFUSALS } from "../bus/callout-decision.ts";
import { boundByAddress } from "./address-bound.ts";
import type { AddressRange } from "./address-ranges.ts";
import { connectTo } from "./connection.ts";
import { decideAddresses, decideHost, targetOf } from "./decision.ts";
import type { DriverGrants } from "./grants.ts";
import { labelsOf, Refusals } from "./refusals.ts";
import { relay } from "./relay.ts";
import type { Resolve } from "./resolver.ts";
import { type Tunnel, Tunnels } from "./tunnels.ts";

export interface EgressProxyOptions {
  /** Who the bearer of a token is. */
  identify: (token: string | undefined) => Promise<CalloutDecision>;
  /** What a Driver may reach now; undefined: there is none of this name. */
  grants: (driver: string) => DriverGrants | undefined;
  resolve: Resolve;
  /** Nobody may reach these, whatever a Driver lists. */
  never: readonly AddressRange[];
  maxTunnelsPerDriver: number;
  /** Default 1,024. */
  maxConnectionsPerAddress?: number;
  /** A tunnel in which nothing is said for so long is closed. */
  idleMs: number;
  metrics: Registry;
  log: Logger;
}

/** The header that says why, for programs; the body says it for people. */
export const REFUSAL_HEADER = "vextir-refusal";

/** Why a request fails, with its status. Those of identity are the bus's own. */
const STATUS = {
  ...(Object.fromEntries(REFUSALS.map((reason) => [reason, 403])) as Record<
    (typeof REFUSALS)[number],
    number
  >),
  NoToken: 407,
  BadToken: 407,
  Unavailable: 503,
  NotConnect: 405,
  BadTarget: 400,
  NotGranted: 403,
  PrivateAddress: 403,
  ForbiddenAddress: 403,
  TooManyTunnels: 429,
  NotResolved: 502,
  Unreachable: 502,
  Withdrawn: 403,
} as const;
type Reason = keyof typeof STATUS;

/** The network's affair, or the driver's own: no refusals. */
const FAILURES = new Set<Reason>(["NotResolved", "Unreachable"]);

/** Of all drivers together, those that have not said yet who they are included. */
const MAX_CONNECTIONS = 8_192;
/** Of one address: of a pod, where the network keeps addresses as they are. */
const MAX_CONNECTIONS_PER_ADDRESS = 1_024;
const HANDSHAKE_MS = 10_000;
const HEADERS_MS = 10_000;
const LOOK_FOR_LATE_MS = 2_000;

/**
 * A CONNECT proxy over TLS that knows drivers by the tokens of their pods. `proxy-chain` speaks the protocol; who may go where is
 * decided here, before anything is connected, and each tunnel is a `Tunnel` that a withdrawn grant ends.
 */
export class EgressProxy {
  readonly #options: EgressProxyOptions;
  readonly #server: Server;
  readonly #tunnels: Tunnels;
  readonly #refusals: Refusals;
  readonly #opened: Counter;

  constructor(options: EgressProxyOptions & { port: number; host?: string; tls: SecureContextOptions }) {
    const { port, host, tls, metrics, log, maxTunnelsPerDriver } = options;
    this.#options = options;
    this.#tunnels = new Tunnels(maxTunnelsPerDriver);
    this.#refusals = new Refusals(log, metrics);
    this.#opened = new Counter({
      name: "vextir_egress_tunnels_opened_total",
      help: "Tunnels that were opened, by driver.",
      labelNames: ["namespace", "driver"],
      registers: [metrics],
    });
    this.#countTunnels(metrics);
    this.#server = new Server({
      ...{ port, ...(host !== undefined && { host }), authRealm: "vextir-egress", serverType: "https" },
      // One side may end before it has been answered: only the relay knows when both have.
      httpsOptions: {
        ...tls,
        allowHalfOpen: true,
        handshakeTimeout: HANDSHAKE_MS,
        maxHeaderSize: 16_384,
        connectionsCheckingInterval: LOOK_FOR_LATE_MS,
      },
      prepareRequestFunction: async ({ request, password, isHttp }) => ({
        customConnectServer: await this.#admit(request, password, isHttp),
      }),
    });
    const { server } = this.#server;
    server.maxConnections = MAX_CONNECTIONS;
    server.headersTimeout = HEADERS_MS;
    server.requestTimeout = HEADERS_MS;
    boundByAddress(server, options.maxConnectionsPerAddress ?? MAX_CONNECTIONS_PER_ADDRESS, (address) =>
      this.#refusals.add({
        driver: undefined,
        refusal: "TooManyConnections",
        message: `${address} has too many connections open`,
      }),
    );
    this.#server.on("requestFailed", ({ error }) => log.error({ err: error }, "a request failed"));
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  async listen(): Promise<void> {
    await this.#server.listen();
  }

  /** New connections get the new certificate; tunnels stay. */
  useCertificate(tls: SecureContextOptions): void {
    const { server } = this.#server;
    if ("setSecureContext" in server) server.setSecureContext(tls);
  }

  /** Ends what the driver may reach no longer. Call it when its grants may have changed. */
  review(driver: string): void {
    const grants = this.#options.grants(driver);
    this.#tunnels.review(driver, (tunnel) => this.#mayStay(tunnel, grants));
    if (grants) return;
    this.#refusals.forget(driver, Object.keys(STATUS));
    this.#opened.remove(labelsOf(driver));
  }

  /** Takes no more, lets what is open end by itself within `ms`, and closes. */
  async drain(ms: number): Promise<void> {
    const closed = this.#server.close(false);
    await this.#tunnels.drain(ms);
    this.#server.closeConnections();
    await closed;
    this.#refusals.stop();
  }

  /** What takes the client's socket over, connected to the target. @throws RequestError, which the client gets to read. */
  async #admit(request: IncomingMessage, token: string, isPlain: boolean): Promise<HttpServer> {
    const identity = await this.#options.identify(token === "" ? undefined : token);
    if (!identity.accepted)
      throw this.#refuse(undefined, identity.refusal, answerOf(identity.refusal), identity.message);
    const driver = `${identity.driver.namespace}/${identity.driver.name}`;
    if (isPlain)
      throw this.#refuse(driver, "NotConnect", "this proxy opens tunnels only: ask by CONNECT host:port");
    const target = targetOf(request.url ?? "");
    if (!target.allowed) throw this.#refuse(driver, target.refusal, target.message);
    const tunnel = this.#tunnels.take({ driver, uid: identity.driver.uid }, target.value);
    if (!tunnel) {
      const most = this.#options.maxTunnelsPerDriver;
      throw this.#refuse(
        driver,
        "TooManyTunnels",
        `driver "${driver}" has ${most} tunnels open, the most that it may have here`,
      );
    }
    try {
      const socket = await this.#connect(tunnel);
      this.#opened.inc(labelsOf(driver));
      return this.#handover(tunnel, socket, request.socket);
    } catch (error) {
      this.#tunnels.release(tunnel);
      throw error;
    }
  }

  async #connect(tunnel: Tunnel): Promise<Socket> {
    const { owner, target, signal } = tunnel;
    const listed = decideHost(owner.driver, target, this.#options.grants(owner.driver)?.hosts ?? []);
    if (!listed.allowed) throw this.#refuse(owner.driver, listed.refusal, listed.message);
    tunnel.addresses = await this.#resolve(tunnel);
    const { never } = this.#options;
    const addresses = decideAddresses(owner.driver, target, tunnel.addresses, { ...listed.value, never });
    if (!addresses.allowed) throw this.#refuse(owner.driver, addresses.refusal, addresses.message);
    try {
      return await connectTo(addresses.value, target.port, signal);
    } catch (error) {
      throw this.#fail(tunnel, "Unreachable", "can't be connected to", error);
    }
  }

  async #resolve(tunnel: Tunnel): Promise<readonly string[]> {
    const { target } = tunnel;
    if (target.isAddress) return [target.written];
    let addresses: readonly string[];
    try {
      addresses = await this.#options.resolve(target.host);
    } catch (error) {
      throw this.#fail(tunnel, "NotResolved", "can't be looked up now", error);
    }
    if (addresses.length === 0) throw this.#fail(tunnel, "NotResolved", "has no address");
    return addresses;
  }

  #fail({ owner, target, signal }: Tunnel, reason: Reason, what: string, cause?: unknown): RequestError {
    if (signal.aborted)
      return this.#refuse(owner.driver, "Withdrawn", `the grant of ${target.host} was withdrawn`);
    const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? (cause as Error | undefined)?.name;
    return this.#refuse(
      owner.driver,
      reason,
      `${target.host}:${target.port} ${what}${code ? ` (${code})` : ""}`,
    );
  }

  #refuse(driver: string | undefined, reason: Reason, message: string, logged = message): RequestError {
    if (!FAILURES.has(reason)) this.#refusals.add({ driver, refusal: reason, message: logged });
    return new RequestError(message, STATUS[reason], { [REFUSAL_HEADER]: reason });
  }

  /** proxy-chain hands the client's socket, whose request it has answered with 200, over to a server's `connection`. */
  #handover(tunnel: Tunnel, target: Socket, client: Socket): HttpServer {
    const { idleMs } = this.#options;
    const server = new NetServer();
    const closed = () => this.#tunnels.release(tunnel);
    const gone = () => target.destroy();
    target.once("close", closed);
    client.once("close", gone);
    server.once("connection", (source: Socket) => {
      target.off("close", closed);
      client.off("close", gone);
      relay(source, target, { idleMs, signal: tunnel.signal, closed });
      // Withdrawn while it was being connected.
      if (!this.#mayStay(tunnel, this.#options.grants(tunnel.owner.driver)))
        tunnel.end("the grant was withdrawn");
    });
    if (client.destroyed) target.destroy();
    return server as HttpServer;
  }

  #mayStay({ owner, target, addresses }: Tunnel, grants: DriverGrants | undefined): boolean {
    if (!grants || grants.uid !== owner.uid) return false;
    const listed = decideHost(owner.driver, target, grants.hosts);
    if (!listed.allowed) return false;
    const { never } = this.#options;
    return decideAddresses(owner.driver, target, addresses, { ...listed.value, never }).allowed;
  }

  #countTunnels(metrics: Registry): void {
    const tunnels = this.#tunnels;
    new Gauge({
      name: "vextir_egress_tunnels",
      help: "Tunnels that are open or being opened.",
      registers: [metrics],
      collect() {
        this.set(tunnels.size);
      },
    });
  }
}

/** What somebody is told who may be nobody: the log says more. */
const answerOf = (refusal: string) =>
  refusal === "Unavailable" ? "the token can't be checked now" : "the token of a driver's pod is needed";
