import { once } from "node:events";
import type { DescMethod, MessageShape } from "@bufbuild/protobuf";
import type {
  Metadata,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { ContextHubService } from "@vextir/proto/contexthub/v1/context_hub_pb.js";
import type { Caller } from "../access/caller.ts";
import { type Raw, read } from "./adapter.ts";
import { HubError } from "./hub-error.ts";
import { hubErrorOf, statusOf } from "./status.ts";

/** What a method knows beside its request. */
export interface Call {
  caller: Caller;
  /** Aborted when the caller has gone or his deadline has passed. */
  signal: AbortSignal;
}

type Methods = typeof ContextHubService.method;
type Request<M extends DescMethod> = MessageShape<M["input"]>;
type Response<M extends DescMethod> = MessageShape<M["output"]>;
type Method<M extends DescMethod> = M["methodKind"] extends "unary"
  ? (request: Request<M>, call: Call) => Promise<Response<M>>
  : M["methodKind"] extends "server_streaming"
    ? (request: Request<M>, call: Call) => AsyncIterable<Response<M>>
    : (requests: AsyncIterable<Request<M>>, call: Call) => Promise<Response<M>>;

export type Implementation = { [Name in keyof Methods]: Method<Methods[Name]> };

export interface ServeOptions {
  implementation: Implementation;
  /** @throws HubError `UNAUTHENTICATED` */
  authenticate(metadata: Metadata): Promise<Caller>;
  /** Told of every call's end; `error` is what the caller was told. */
  ended?(call: { method: string; caller: Caller | undefined; error: HubError | undefined; ms: number }): void;
}

type AnyCall =
  | ServerUnaryCall<Raw, object>
  | ServerReadableStream<Raw, object>
  | ServerWritableStream<Raw, object>;

/** The service as @grpc/grpc-js takes it: who calls is known before a method runs, and whatever is thrown becomes a status. */
export function handlersOf(options: ServeOptions): UntypedServiceImplementation {
  const { implementation } = options;
  const entries = ContextHubService.methods.map((method) => {
    const run = implementation[method.localName as keyof Implementation] as (
      request: unknown,
      call: Call,
    ) => unknown;
    return [method.localName, handlerOf(method, run, options)] as const;
  });
  return Object.fromEntries(entries) as UntypedServiceImplementation;
}

function handlerOf(
  method: DescMethod,
  run: (request: unknown, call: Call) => unknown,
  options: ServeOptions,
) {
  const within = (call: AnyCall, work: (call: Call) => Promise<void>) =>
    attend(method.name, call, options, work);
  switch (method.methodKind) {
    case "unary":
      return (call: ServerUnaryCall<Raw, object>, answer: sendUnaryData<object>) =>
        void within(call, async (known) => {
          answer(null, (await run(read(method, call.request), known)) as object);
        }).catch((error: HubError) => answer(statusOf(error)));
    case "client_streaming":
      return (call: ServerReadableStream<Raw, object>, answer: sendUnaryData<object>) =>
        void within(call, async (known) => {
          answer(null, (await run(requestsOf(method, call), known)) as object);
        }).catch((error: HubError) => answer(statusOf(error)));
    default:
      return (call: ServerWritableStream<Raw, object>) =>
        void within(call, async (known) => {
          const responses = run(read(method, call.request), known) as AsyncIterable<object>;
          for await (const response of responses)
            if (!call.write(response)) await once(call, "drain", { signal: known.signal });
          call.end();
        }).catch((error: HubError) => {
          call.emit("error", statusOf(error));
        });
  }
}

async function* requestsOf(method: DescMethod, call: ServerReadableStream<Raw, object>) {
  for await (const raw of call) yield read(method, raw as Raw);
}

/** @throws HubError and nothing else. */
async function attend(
  name: string,
  call: AnyCall,
  { authenticate, ended }: ServeOptions,
  work: (call: Call) => Promise<void>,
): Promise<void> {
  const began = performance.now();
  const gone = new AbortController();
  (call as NodeJS.EventEmitter).on("cancelled", () =>
    gone.abort(new HubError("CANCELLED", "the caller has gone")),
  );
  let caller: Caller | undefined;
  let error: HubError | undefined;
  try {
    caller = await authenticate(call.metadata);
    await work({ caller, signal: gone.signal });
  } catch (thrown) {
    error = gone.signal.aborted ? (gone.signal.reason as HubError) : hubErrorOf(thrown);
    throw error;
  } finally {
    ended?.({ method: name, caller, error, ms: performance.now() - began });
  }
}
