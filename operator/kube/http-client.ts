import {
  type ClientRequest,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { ClusterError } from "../cluster.ts";
import type { ApiAccess, Credentials, TlsIdentity } from "./access.ts";
import { apiError, TooLargeError, UnreachableError } from "./api-error.ts";

export interface ApiRequest {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query. */
  path: string;
  /** For messages: `apply Deployment team/a`. */
  what: string;
  /** Sent as JSON. */
  body?: unknown;
  /** Default `application/json`. */
  contentType?: string;
  /** Default `application/json`. */
  accept?: string;
  /** Default 15,000; of a stream: until the answer begins. */
  deadlineMs?: number;
  /** Of the answer; not of a stream. Default 64 MiB. */
  maxBytes?: number;
  signal?: AbortSignal;
}

export interface HttpClientOptions {
  /** Default 16. Streams don't count. */
  maxSockets?: number;
  userAgent?: string;
  /** Told of every answer; status 0: there was none. */
  observe?: (request: ApiRequest, status: number, tookMs: number) => void;
}

const DEFAULT_DEADLINE_MS = 15_000;
const DEFAULT_MAX_BYTES = 64 * 2 ** 20;
const MAX_ATTEMPTS = 4;
const MAX_RETRY_AFTER_MS = 5_000;

/** JSON over HTTPS on connections that are kept: client-node's own requests open one each. Throws `ClusterError`. */
export class HttpClient {
  readonly #access: ApiAccess;
  readonly #options: HttpClientOptions;
  #pools: { tls: TlsIdentity; requests: HttpAgent; streams: HttpAgent } | undefined;

  constructor(access: ApiAccess, options: HttpClientOptions = {}) {
    this.#access = access;
    this.#options = options;
  }

  /** The parsed answer (text where it is no JSON) of a request that succeeded. */
  async request(request: ApiRequest): Promise<unknown> {
    const response = await this.#send(request, false);
    return body(request, response);
  }

  /** The answer of a request that began to succeed; the caller reads or destroys it. */
  stream(request: ApiRequest): Promise<IncomingMessage> {
    return this.#send(request, true);
  }

  /** Closes every connection; requests under way fail. */
  close(): void {
    this.#pools?.requests.destroy();
    this.#pools?.streams.destroy();
    this.#pools = undefined;
  }

  /**
   * A response with a success status. A connection that breaks under a request may have carried it out; to try it again is
   * safe since each is idempotent or has a precondition.
   */
  async #send(request: ApiRequest, streams: boolean): Promise<IncomingMessage> {
    for (let attempt = 1; ; attempt++) {
      const began = performance.now();
      try {
        const response = await this.#once(request, streams, await this.#access.credentials());
        const status = response.statusCode ?? 0;
        this.#options.observe?.(request, status, performance.now() - began);
        if (status >= 200 && status < 300) return response;
        if (attempt < MAX_ATTEMPTS && (await this.#passes(response, attempt))) continue;
        throw apiError(request.what, status, await body(request, response));
      } catch (error) {
        if (error instanceof StaleConnection && attempt < MAX_ATTEMPTS) continue;
        if (error instanceof ClusterError) throw error;
        this.#options.observe?.(request, 0, performance.now() - began);
        const cause = error instanceof StaleConnection ? error.cause : error;
        throw unreachable(request, cause);
      }
    }
  }

  /** Whether the refusal is one that a further attempt may overcome, after the wait that the server asks for. */
  async #passes(response: IncomingMessage, attempt: number): Promise<boolean> {
    if (response.statusCode === 401 && attempt === 1) {
      response.resume();
      this.#access.refused();
      return true;
    }
    const seconds = Number(response.headers["retry-after"]);
    if (response.statusCode !== 429 || !(seconds >= 0)) return false;
    response.resume();
    const waitMs = Math.min(seconds * 1_000, MAX_RETRY_AFTER_MS) * (1 + Math.random() / 4);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    return true;
  }

  #once(request: ApiRequest, streams: boolean, credentials: Credentials): Promise<IncomingMessage> {
    const { method, path, deadlineMs = DEFAULT_DEADLINE_MS, signal } = request;
    const { server } = this.#access;
    const text = request.body === undefined ? undefined : JSON.stringify(request.body);
    const headers: Record<string, string | number> = {
      "user-agent": this.#options.userAgent ?? "vextir-operator",
      accept: request.accept ?? "application/json",
      ...credentials.headers,
    };
    if (text !== undefined) {
      headers["content-type"] = request.contentType ?? "application/json";
      headers["content-length"] = Buffer.byteLength(text);
    }
    return new Promise((resolve, reject) => {
      const outgoing = (server.protocol === "http:" ? httpRequest : httpsRequest)({
        method,
        host: server.hostname.replace(/^\[|\]$/g, ""),
        port: server.port || undefined,
        path: `${server.pathname.replace(/\/$/, "")}${path}`,
        headers,
        agent: credentials.agent ?? this.#agent(credentials.tls, streams),
        ...(signal && { signal }),
      });
      const end = deadline(outgoing, request, deadlineMs, streams);
      outgoing.on("response", (response) => {
        if (streams) end();
        resolve(response);
      });
      outgoing.on("error", (error: NodeJS.ErrnoException) => {
        const stale = outgoing.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE");
        reject(stale ? new StaleConnection("the kept connection was closed", { cause: error }) : error);
      });
      outgoing.on("close", end);
      outgoing.end(text);
    });
  }

  /**
   * Pools belong to an identity: when a certificate was renewed, new connections show the new one. Watches have a pool of
   * their own, so that they take no connection from requests.
   */
  #agent(tls: TlsIdentity, streams: boolean): HttpAgent {
    if (!this.#pools || !same(this.#pools.tls, tls)) {
      const Agent = this.#access.server.protocol === "http:" ? HttpAgent : HttpsAgent;
      const shared = { keepAlive: true, keepAliveMsecs: 30_000, noDelay: true, ...tls };
      this.#pools = {
        tls,
        requests: new Agent({ ...shared, maxSockets: this.#options.maxSockets ?? 16 }),
        streams: new Agent(shared),
      };
    }
    return streams ? this.#pools.streams : this.#pools.requests;
  }
}

/** The server had closed a connection that was kept idle, before it took the request. */
class StaleConnection extends Error {}

function deadline(outgoing: ClientRequest, request: ApiRequest, ms: number, streams: boolean): () => void {
  const timer = setTimeout(() => {
    const missing = streams ? "did not begin to answer" : "did not answer";
    outgoing.destroy(new Error(`${request.what}: the API server ${missing} within ${ms} ms`));
  }, ms);
  return () => clearTimeout(timer);
}

async function body(request: ApiRequest, response: IncomingMessage): Promise<unknown> {
  const { maxBytes = DEFAULT_MAX_BYTES, what } = request;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new TooLargeError(`${what}: the answer is larger than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks).toString();
    return response.headers["content-type"]?.includes("json") ? JSON.parse(text) : text;
  } catch (error) {
    throw error instanceof ClusterError ? error : unreachable(request, error);
  }
}

function unreachable({ what }: ApiRequest, cause: unknown): ClusterError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const text = reason.startsWith(what) ? reason : `${what}: the API server can't be reached: ${reason}`;
  return new UnreachableError(text, { cause });
}

function same(a: TlsIdentity, b: TlsIdentity): boolean {
  if (a === b) return true;
  const text = (value: unknown) => (value === undefined ? "" : String(value));
  const keys = ["ca", "cert", "key", "rejectUnauthorized", "servername"] as const;
  return keys.every((key) => text(a[key]) === text(b[key]));
}
