import type { DescMessage, DescMethod } from "@bufbuild/protobuf";
import { create, fromBinary, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { Client, credentials, type Metadata, type ServiceError } from "@grpc/grpc-js";
import { ContextHubService } from "@vextir/proto/contexthub/v1/context_hub_pb.js";
import {
  BadRequestSchema,
  PreconditionFailureSchema,
  RetryInfoSchema,
} from "@vextir/proto/google/rpc/error_details_pb.js";
import { StatusSchema } from "@vextir/proto/google/rpc/status_pb.js";

type Methods = typeof ContextHubService.method;
type Init<M extends DescMethod> = MessageInitShape<M["input"]>;
type Answer<M extends DescMethod> = MessageShape<M["output"]>;
type Named<Kind extends DescMethod["methodKind"]> = {
  [Name in keyof Methods]: Methods[Name]["methodKind"] extends Kind ? Name : never;
}[keyof Methods];

const DEADLINE_MS = 20_000;

/** A plain client of the contract: it knows nothing of the hub behind the address. */
export class HubClient {
  readonly #client: Client;

  constructor(address: string, ca?: Buffer) {
    const options = { "grpc.max_receive_message_length": 4 * 1_048_576 };
    this.#client = new Client(
      address,
      ca ? credentials.createSsl(ca) : credentials.createInsecure(),
      options,
    );
  }

  unary<Name extends Named<"unary">>(
    name: Name,
    metadata: Metadata,
    request: Init<Methods[Name]>,
  ): Promise<Answer<Methods[Name]>> {
    const method = ContextHubService.method[name];
    const bytes = Buffer.from(
      toBinary(method.input as DescMessage, create(method.input as DescMessage, request)),
    );
    return this.raw(method, metadata, bytes) as Promise<Answer<Methods[Name]>>;
  }

  /** With any bytes for a request. */
  raw(method: DescMethod, metadata: Metadata, request: Buffer): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#client.makeUnaryRequest(
      pathOf(method),
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => fromBinary(method.output, bytes),
      request,
      metadata,
      { deadline: Date.now() + DEADLINE_MS },
      (error, answer) => (error ? reject(error) : resolve(answer)),
    );
    return awaited(promise);
  }

  /** Ends when `signal` says so, without an error. */
  async *stream<Name extends Named<"server_streaming">>(
    name: Name,
    metadata: Metadata,
    request: Init<Methods[Name]>,
    signal?: AbortSignal,
  ): AsyncGenerator<Answer<Methods[Name]>> {
    const method = ContextHubService.method[name];
    const call = this.#client.makeServerStreamRequest(
      pathOf(method),
      (message: unknown) => Buffer.from(toBinary(method.input as DescMessage, message as never)),
      (bytes: Buffer) => fromBinary(method.output, bytes) as Answer<Methods[Name]>,
      create(method.input as DescMessage, request),
      metadata,
      { deadline: Date.now() + DEADLINE_MS },
    );
    signal?.addEventListener("abort", () => call.cancel(), { once: true });
    try {
      for await (const message of call) yield message as Answer<Methods[Name]>;
    } catch (error) {
      if (!signal?.aborted) throw error;
    } finally {
      call.on("error", () => {});
      call.cancel();
    }
  }

  collect<Name extends Named<"server_streaming">>(
    name: Name,
    metadata: Metadata,
    request: Init<Methods[Name]>,
  ): Promise<Answer<Methods[Name]>[]> {
    const all = async () => {
      const messages: Answer<Methods[Name]>[] = [];
      for await (const one of this.stream(name, metadata, request)) messages.push(one);
      return messages;
    };
    return awaited(all());
  }

  send<Name extends Named<"client_streaming">>(
    name: Name,
    metadata: Metadata,
    requests: Iterable<Init<Methods[Name]>>,
  ): Promise<Answer<Methods[Name]>> {
    const method = ContextHubService.method[name];
    const { promise, resolve, reject } = Promise.withResolvers<Answer<Methods[Name]>>();
    const call = this.#client.makeClientStreamRequest(
      pathOf(method),
      (message: unknown) => Buffer.from(toBinary(method.input as DescMessage, message as never)),
      (bytes: Buffer) => fromBinary(method.output, bytes) as Answer<Methods[Name]>,
      metadata,
      { deadline: Date.now() + 3 * DEADLINE_MS },
      (error, answer) => (error ? reject(error) : resolve(answer as Answer<Methods[Name]>)),
    );
    for (const request of requests) call.write(create(method.input as DescMessage, request));
    call.end();
    return awaited(promise);
  }

  close(): void {
    this.#client.close();
  }
}

/** Whoever asks several things at once awaits each in its turn: till then its failure is nobody's fault. */
function awaited<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

const pathOf = (method: DescMethod) => `/${ContextHubService.typeName}/${method.name}`;

/** What an error says beside its code. */
export interface Told {
  code: number;
  message: string;
  fields: string[];
  preconditions: string[];
  retryAfterMs: number | undefined;
}

/** @throws whatever is no gRPC error. */
export async function toldBy(call: Promise<unknown>): Promise<Told> {
  const error = await call.then(
    (answer) => {
      throw new Error(
        `answered instead of refused: ${JSON.stringify(answer, (_, v) => (typeof v === "bigint" ? String(v) : v))}`,
      );
    },
    (refused: ServiceError) => refused,
  );
  if (typeof error.code !== "number") throw error;
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  const details = bytes ? fromBinary(StatusSchema, bytes as Buffer).details : [];
  const of = <S extends DescMessage>(schema: S) =>
    details.map((any) => anyUnpack(any, schema)).find((message) => message !== undefined);
  const delay = of(RetryInfoSchema)?.retryDelay;
  return {
    code: error.code,
    message: error.details,
    fields: of(BadRequestSchema)?.fieldViolations.map(({ field }) => field) ?? [],
    preconditions: of(PreconditionFailureSchema)?.violations.map(({ type }) => type) ?? [],
    retryAfterMs: delay && Number(delay.seconds) * 1_000 + delay.nanos / 1e6,
  };
}
