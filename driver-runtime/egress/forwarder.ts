import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type Duplex, pipeline } from "node:stream";
import { openTunnel, type ProxyAddress, type TunnelFailure } from "./tunnel.ts";

export interface ForwarderOptions {
  proxy: ProxyAddress;
  /** Told of each tunnel that was not opened; `authority`: `host:port`. */
  failed: (authority: string, failure: TunnelFailure) => void;
}

/** More than the proxy opens for one driver. */
const MAX_CONNECTIONS = 512;
/** Connection headers and those between a client and its proxy (RFC 9110, sections 7.6.1 and 11.7). */
const HOP_HEADERS = [
  "connection",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
];

/**
 * An HTTP proxy on this process' loopback, as every HTTP client knows how to use one. It takes what is asked of it to the egress
 * proxy, adding what clients don't have: the pod's token, as it is now, and TLS.
 */
export class Forwarder {
  readonly #server: Server;
  readonly #options: ForwarderOptions;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#server = createServer((incoming, outgoing) => void this.#forward(incoming, outgoing));
    this.#server.on(
      "connect",
      (incoming, socket, head) => void this.#connect(incoming, socket as Socket, head),
    );
    this.#server.maxConnections = MAX_CONNECTIONS;
    // What a driver sends may take its time; the proxy ends what is idle.
    this.#server.requestTimeout = 0;
  }

  /** Its URL. Does not keep the process alive. */
  async listen(): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject).listen(0, "127.0.0.1", resolve);
    });
    this.#server.unref();
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #connect({ url = "" }: IncomingMessage, client: Socket, head: Buffer): Promise<void> {
    client.on("error", () => {});
    const tunnel = await this.#open(url);
    if ("reason" in tunnel) {
      const { status, message } = tunnel;
      const length = Buffer.byteLength(message);
      // Node's clients show the status line, and no body.
      client.end(
        `HTTP/1.1 ${status} ${phrase(message)}\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n${message}`,
      );
      return;
    }
    client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    if (head.length > 0) client.unshift(head);
    join(client, tunnel);
  }

  /** Plain HTTP, which some clients ask a proxy for instead of a tunnel. */
  async #forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const target = URL.parse(incoming.url ?? "");
    if (target?.protocol !== "http:")
      return fail(outgoing, 400, "this is a proxy: ask for http://host/path, or CONNECT host:port");
    const tunnel = await this.#open(`${target.hostname}:${target.port || 80}`);
    if ("reason" in tunnel) return fail(outgoing, tunnel.status, tunnel.message);
    const headers = { ...incoming.headers };
    for (const name of HOP_HEADERS) delete headers[name];
    const path = `${target.pathname}${target.search}`;
    const asked = request({
      method: incoming.method,
      path,
      headers,
      createConnection: () => tunnel as Socket,
    });
    asked.once("error", (error) => fail(outgoing, 502, `${target.host}: ${error.message}`));
    asked.once("response", (answer) => {
      const { statusCode = 502, statusMessage, headers } = answer;
      outgoing.writeHead(statusCode, statusMessage, headers);
      pipeline(answer, outgoing, () => tunnel.destroy());
    });
    outgoing.once("close", () => tunnel.destroy());
    pipeline(incoming, asked, () => {});
  }

  async #open(authority: string): Promise<Duplex | TunnelFailure> {
    const tunnel = await openTunnel(this.#options.proxy, authority);
    if ("reason" in tunnel) this.#options.failed(authority, tunnel);
    return tunnel;
  }
}

/** Carries bytes both ways until both sides have ended or one has failed. */
function join(one: Duplex, other: Duplex): void {
  pipeline(one, other, (error) => error && other.destroy());
  pipeline(other, one, (error) => error && one.destroy());
}

const MAX_PHRASE = 400;

/** As a status line may have it (RFC 9112, section 4). */
const phrase = (message: string) => message.replaceAll(/[^\x20-\x7e]+/g, " ").slice(0, MAX_PHRASE);

function fail(outgoing: ServerResponse, status: number, message: string): void {
  if (outgoing.headersSent) outgoing.destroy();
  else
    outgoing
      .writeHead(status, phrase(message), { "content-type": "text/plain; charset=utf-8" })
      .end(`${message}\n`);
}
