import { setTimeout as delay } from "node:timers/promises";
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  Client,
  type ClientReadableStream,
  credentials,
  experimental,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { ContextHubService } from "@vextir/proto/contexthub/v1/context_hub_pb.js";
import { TokenFile } from "../bus/token-file.ts";
import type { Behalf, ContextOptions } from "./hub.ts";
import { detailsOf, driverErrorOf } from "./refusals.ts";
import { TrustedFile } from "./trusted-file.ts";

export interface HubAddress {
  /** `https://host:port`; `http://` on a loopback address only, in local mode. */
  url: string;
  tokenFile: string;
  caFile?: string | undefined;
}

type Methods = typeof ContextHubService.method;
export type Named<Kind extends DescMethod["methodKind"]> = {
  [Name in keyof Methods]: Methods[Name]["methodKind"] extends Kind ? Name : never;
}[keyof Methods];
export type Request<Name extends keyof Methods> = MessageInitShape<Methods[Name]["input"]>;
export type Response<Name extends keyof Methods> = MessageShape<Methods[Name]["output"]>;

const TIMEOUT_MS = 10_000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;
const MAX_BYTES = 4 * 1_048_576;
/** The call was not done, or doing it again changes nothing more. */
const AGAIN: ReadonlySet<number> = new Set([status.UNAVAILABLE, status.ABORTED]);

/** One connection to the hub, which all calls share; it is opened by the first, and keeps no process alive while it is idle. */
export class HubConnection {
  readonly #token: TokenFile;
  readonly #client: Client;

  constructor({ url, tokenFile, caFile }: HubAddress) {
    const { host, protocol } = new URL(url);
    const trust = protocol === "https:" ? trustOf(caFile) : credentials.createInsecure();
    this.#token = new TokenFile(tokenFile);
    this.#client = new Client(host, trust, {
      "grpc.max_receive_message_length": MAX_BYTES,
      "grpc.keepalive_time_ms": 30_000,
      "grpc.initial_reconnect_backoff_ms": FIRST_RETRY_MS,
      "grpc.max_reconnect_backoff_ms": MAX_RETRY_MS,
    });
  }

  /** Whether a connection is there, or can be made in this time. */
  reachable(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.#client.waitForReady(Date.now() + timeoutMs, (error) => resolve(!error));
    });
  }

  /** Tries again what the hub can't do now, until the deadline. @throws DriverError */
  async call<Name extends Named<"unary">>(
    name: Name,
    request: Request<Name>,
    { timeoutMs = TIMEOUT_MS, signal }: ContextOptions,
    behalf: Behalf,
  ): Promise<Response<Name>> {
    const deadline = Date.now() + timeoutMs;
    for (let tries = 0; ; tries++) {
      try {
        signal?.throwIfAborted();
        return await this.#once(name, request, { deadline, signal, behalf });
      } catch (error) {
        const waitMs = retryDelay(error, tries);
        if (waitMs === undefined || Date.now() + waitMs >= deadline) throw driverErrorOf(error, name);
        await delay(waitMs, undefined, { ...(signal && { signal }) });
      }
    }
  }

  /** Not tried again: whoever reads knows how far he came. @throws DriverError */
  async *stream<Name extends Named<"server_streaming">>(
    name: Name,
    request: Request<Name>,
    { timeoutMs, signal }: ContextOptions,
    behalf: Behalf,
  ): AsyncGenerator<Response<Name>> {
    const method: DescMethod = ContextHubService.method[name];
    const call: ClientReadableStream<Response<Name>> = this.#client.makeServerStreamRequest(
      pathOf(method),
      (message: Buffer) => message,
      (bytes: Buffer) => fromBinary(method.output, bytes) as Response<Name>,
      bytesOf(method.input, request),
      this.#metadata(behalf),
      timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs },
    );
    const cancel = () => call.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      if (signal?.aborted) return;
      for await (const message of call) yield message as Response<Name>;
    } catch (error) {
      if (!signal?.aborted) throw driverErrorOf(error, name);
    } finally {
      signal?.removeEventListener("abort", cancel);
      // What a cancelled call still says is nobody's concern.
      call.on("error", () => {});
      call.cancel();
    }
  }

  #once<Name extends Named<"unary">>(
    name: Name,
    request: Request<Name>,
    { deadline, signal, behalf }: { deadline: number; signal: AbortSignal | undefined; behalf: Behalf },
  ): Promise<Response<Name>> {
    const method: DescMethod = ContextHubService.method[name];
    const { promise, resolve, reject } = Promise.withResolvers<Response<Name>>();
    const call = this.#client.makeUnaryRequest(
      pathOf(method),
      (message: Buffer) => message,
      (bytes: Buffer) => fromBinary(method.output, bytes) as Response<Name>,
      bytesOf(method.input, request),
      this.#metadata(behalf),
      { deadline },
      (error, answer) => (error ? reject(error) : resolve(answer as Response<Name>)),
    );
    const cancel = () => call.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    return promise.finally(() => signal?.removeEventListener("abort", cancel));
  }

  #metadata({ assertion, traceParent, traceState }: Behalf): Metadata {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${this.#token.read()}`);
    if (assertion) metadata.set("vextir-user-assertion", assertion);
    // W3C Trace Context, under the names that it has in HTTP.
    if (traceParent) metadata.set("traceparent", traceParent);
    if (traceParent && traceState) metadata.set("tracestate", traceState);
    return metadata;
  }
}

const trustOf = (caFile: string | undefined) =>
  caFile === undefined
    ? credentials.createSsl()
    : experimental.createCertificateProviderChannelCredentials(new TrustedFile(caFile), null);

const pathOf = (method: DescMethod) => `/${method.parent.typeName}/${method.name}`;
const bytesOf = (schema: DescMessage, request: MessageInitShape<DescMessage>) =>
  Buffer.from(toBinary(schema, create(schema, request)));

/** Undefined: not to be tried again. The hub's own word comes first. */
function retryDelay(error: unknown, tries: number): number | undefined {
  const code = (error as Partial<ServiceError>).code;
  if (typeof code !== "number" || !AGAIN.has(code)) return undefined;
  const backoffMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** tries) * (0.5 + Math.random() / 2);
  return Math.max(backoffMs, detailsOf(error as ServiceError).retryAfterMs ?? 0);
}
