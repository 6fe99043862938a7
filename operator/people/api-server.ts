import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { Counter, type Registry } from "prom-client";
import { BusError } from "../bus/index.ts";
import { ClusterError } from "../cluster.ts";
import { RotationError } from "../keys/index.ts";
import { type AccessControl, type Asker, audiencesOf, bearerOf } from "./asker.ts";
import { type Audited, AuditLog } from "./audit.ts";
import { readBody } from "./body.ts";
import type { Answer, Desk } from "./desk.ts";
import { ApiProblem } from "./problem.ts";
import { RateLimiter } from "./rate.ts";
import { type Access, type Route, routeOf } from "./routes.ts";

export interface ServerCertificate {
  cert: string;
  key: string;
}

export interface ApiServerOptions {
  port: number;
  /** Default: every address. */
  host?: string;
  certificate: ServerCertificate;
  access: AccessControl;
  desk: Pick<Desk, "serve">;
  metrics: Registry;
  log: Logger;
}

const BOUNDS = {
  connections: 256,
  /** Requests of which the API server is asked at a time. */
  underWay: 32,
  headerBytes: 32_768,
  handshakeMs: 5_000,
  headersMs: 5_000,
  requestMs: 10_000,
  keepAliveMs: 15_000,
};
/** Of one user. */
const USER_RATE = { burst: 30, perSecond: 10 };
/** Tokens that are no good, of one address. */
const FAILURE_RATE = { burst: 20, perSecond: 2 };

/** What is found out about a request while it is served. */
type Course = Pick<Audited, "allowed"> & { user?: string; access?: Access };

/**
 * The operator's API for people: every request shows a token of the cluster, is asked of the API server (TokenReview, then
 * SubjectAccessReview on `drivers/<what>`) and is written down.
 */
export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #server: Server;
  readonly #audit: AuditLog;
  readonly #requests: Counter;
  readonly #users = new RateLimiter(USER_RATE, () => performance.now());
  readonly #failures = new RateLimiter(FAILURE_RATE, () => performance.now());
  #underWay = 0;

  private constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#audit = new AuditLog(options.log);
    this.#requests = new Counter({
      name: "vextir_api_requests_total",
      help: "Requests of people to the operator's API, by the status that was answered.",
      labelNames: ["status"],
      registers: [options.metrics],
    });
    this.#server = createServer(
      {
        ...options.certificate,
        minVersion: "TLSv1.2",
        handshakeTimeout: BOUNDS.handshakeMs,
        maxHeaderSize: BOUNDS.headerBytes,
        headersTimeout: BOUNDS.headersMs,
        requestTimeout: BOUNDS.requestMs,
        keepAliveTimeout: BOUNDS.keepAliveMs,
        connectionsCheckingInterval: 1_000,
      },
      (request, response) => void this.#handle(request, response),
    );
    this.#server.maxConnections = BOUNDS.connections;
  }

  static async start(options: ApiServerOptions): Promise<ApiServer> {
    const api = new ApiServer(options);
    api.#server.listen(options.port, options.host);
    await once(api.#server, "listening");
    return api;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** For connections from now on. */
  useCertificate({ cert, key }: ServerCertificate): void {
    this.#server.setSecureContext({ cert, key, minVersion: "TLSv1.2" });
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    this.#audit.close();
  }

  /** Never rejects. */
  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const began = performance.now();
    const id = randomUUID();
    const from = request.socket.remoteAddress ?? "";
    const course: Course = { allowed: false };
    let reason = "Answered";
    let headers: Readonly<Record<string, string>> = {};
    let answer: Answer;
    try {
      answer = await this.#bounded(() => this.#serve(request, from, course));
    } catch (error) {
      const problem = problemOf(error);
      if (problem.reason === "Failed") this.#options.log.error({ err: error, id }, "a request failed");
      ({ reason, headers } = problem);
      answer = { status: problem.status, body: problem.body };
    }
    const { status, body } = answer;
    this.#requests.inc({ status });
    if (status === 429) this.#audit.limited();
    else
      this.#audit.tell({
        ...{ id, ...course, from, status, reason },
        agent: (request.headers["user-agent"] ?? "").slice(0, 128),
        tookMs: Math.round(performance.now() - began),
      });
    send(response, status, body, { ...headers, "x-request-id": id });
  }

  async #bounded(serve: () => Promise<Answer>): Promise<Answer> {
    if (this.#underWay >= BOUNDS.underWay) throw tooMany(1);
    this.#underWay++;
    try {
      return await serve();
    } finally {
      this.#underWay--;
    }
  }

  async #serve(request: IncomingMessage, from: string, course: Course): Promise<Answer> {
    const asker = await this.#identify(request, from);
    course.user = asker.username;
    const wait = this.#users.waitSeconds(asker.username);
    if (wait > 0) throw tooMany(wait);
    const route: Route = routeOf(request.method ?? "", request.url ?? "");
    course.access = route.access;
    const { allowed, reason } = await this.#options.access.mayDo(asker, route.access);
    if (!allowed) throw forbidden(asker, route.access, reason);
    course.allowed = true;
    return this.#options.desk.serve(route, await readBody(request));
  }

  async #identify({ headers }: IncomingMessage, from: string): Promise<Asker> {
    const wait = this.#failures.waitSeconds(from, 0);
    if (wait > 0) throw tooMany(wait);
    const token = bearerOf(headers.authorization);
    const asker = token && (await this.#options.access.whoIs(token, audiencesOf(token)));
    if (asker) return asker;
    this.#failures.waitSeconds(from);
    const missing =
      token === undefined ? "a bearer token is missing" : "the token is not valid, or not for this API";
    throw new ApiProblem("Unauthenticated", missing, {
      "www-authenticate": 'Bearer realm="vextir"',
    });
  }
}

const tooMany = (seconds: number) =>
  new ApiProblem("TooManyRequests", `too many requests: try again in ${seconds} s`, {
    "retry-after": String(seconds),
  });

function forbidden({ username }: Asker, access: Access, reason: string): ApiProblem {
  const { verb, subresource, namespace, name } = access;
  const where = namespace === undefined ? "in the whole cluster" : `in the namespace ${namespace}`;
  const which = name === undefined ? "" : ` "${name}"`;
  const why = reason === "" ? "" : `: ${reason}`;
  return new ApiProblem(
    "Forbidden",
    `${username} can't ${verb} drivers/${subresource}${which} of the group vextir.io ${where}${why}`,
  );
}

function problemOf(error: unknown): ApiProblem {
  if (error instanceof ApiProblem) return error;
  if (error instanceof BusError && error.code === "Unavailable")
    return new ApiProblem("Unavailable", "the bus does not answer: try again", { "retry-after": "2" });
  if (error instanceof BusError && error.code === "Invalid") return new ApiProblem("NotFound", error.message);
  if (error instanceof RotationError) return new ApiProblem(error.code, error.message);
  if (error instanceof ClusterError && error.code === "Unavailable")
    return new ApiProblem("Unavailable", "the API server does not answer: try again", { "retry-after": "2" });
  if (error instanceof ClusterError && error.code === "Forbidden")
    return new ApiProblem("NotFound", "the operator does not work in this namespace");
  return new ApiProblem("Failed", "the request failed; the operator's log says why, by its x-request-id");
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): void {
  const type = status < 400 ? "application/json" : "application/problem+json";
  response.writeHead(status, {
    "content-type": type,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    // What was sent may not have been read.
    ...(status >= 400 && { connection: "close" }),
    ...headers,
  });
  response.end(`${JSON.stringify(body)}\n`);
}
