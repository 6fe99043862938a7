import { readFile } from "node:fs/promises";
import { request } from "node:https";
import type { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { TokenFile } from "../bus/token-file.ts";

export interface ProxyAddress {
  /** `https://<host>:<port>` */
  url: URL;
  /** PEM of the authorities that its certificate may be signed by, as the kubelet renews it. */
  caFile: string;
  /** The pod's token, as the kubelet renews it. */
  token: TokenFile;
}

/** Why there is no tunnel. */
export interface TunnelFailure {
  /** For an HTTP client. */
  status: number;
  /** The proxy's reason, or `ProxyUnreachable`. */
  reason: string;
  message: string;
}

const TIMEOUT_MS = 15_000;
const ATTEMPTS = 3;
const PAUSE_MS = 200;
const MAX_MESSAGE = 1_000;

/** A connection to `authority` (`host:port`) through the egress proxy, or why there is none. Never throws. */
export async function openTunnel(address: ProxyAddress, authority: string): Promise<Duplex | TunnelFailure> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask(address, authority);
    } catch (error) {
      // A replica that is going: the Service leads to another one.
      if (attempt < ATTEMPTS) await delay(PAUSE_MS * attempt);
      else return unreachable(address, error);
    }
  }
}

function unreachable({ url }: ProxyAddress, error: unknown): TunnelFailure {
  const { code, message } = error as NodeJS.ErrnoException;
  return {
    status: 502,
    reason: "ProxyUnreachable",
    message: `the egress proxy ${url.host} can't be reached: ${code ?? message}`,
  };
}

/** @throws what kept it from an answer. */
async function ask({ url, caFile, token }: ProxyAddress, authority: string): Promise<Duplex | TunnelFailure> {
  const ca = await readFile(caFile, "utf8");
  const { promise, resolve, reject } = Promise.withResolvers<Duplex | TunnelFailure>();
  const asked = request({
    ...{ host: url.hostname, port: url.port || 443, servername: url.hostname, ca, agent: false },
    ...{ method: "CONNECT", path: authority, timeout: TIMEOUT_MS },
    headers: {
      host: authority,
      "proxy-authorization": `Basic ${Buffer.from(`driver:${token.read()}`).toString("base64")}`,
    },
  });
  asked.once("timeout", () => asked.destroy(new Error(`no answer within ${TIMEOUT_MS / 1_000} s`)));
  asked.once("error", reject);
  asked.once("connect", (response, socket, head) => {
    socket.setTimeout(0);
    if (response.statusCode === 200) {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
      return;
    }
    const reason = String(response.headers["vextir-refusal"] ?? "Refused");
    const status = response.statusCode ?? 502;
    textOf(socket, head).then((message) => resolve({ status, reason, message }), reject);
  });
  asked.end();
  return promise;
}

/** The rest of an answer that ends with its connection. */
async function textOf(socket: Duplex, head: Buffer): Promise<string> {
  let text = head.toString("utf8");
  for await (const part of socket) {
    text += String(part);
    if (text.length > MAX_MESSAGE) break;
  }
  return text.slice(0, MAX_MESSAGE);
}
