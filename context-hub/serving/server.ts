import { experimental, type Metadata, Server, ServerCredentials } from "@grpc/grpc-js";
import { ContextHubService } from "@vextir/proto/contexthub/v1/context_hub_pb.js";
import type { Caller } from "../access/caller.ts";
import { definitionOf } from "../rpc/adapter.ts";
import { handlersOf, type Implementation, type ServeOptions } from "../rpc/serve.ts";

export interface HubServerOptions extends Pick<ServeOptions, "ended"> {
  implementation: Implementation;
  authenticate(metadata: Metadata): Promise<Caller>;
  /** As `host:port`; port 0: any. */
  address: string;
  /** Without it the server speaks in the clear: local mode, on a loopback address. */
  certificate?: experimental.CertificateProvider;
}

export interface HubServer {
  port: number;
  /** Lets calls end for so long; then the rest are cut. */
  stop(graceMs?: number): Promise<void>;
}

/** What a request may weigh: a document with all that is said of it. */
const MAX_REQUEST_BYTES = 4 * 1_048_576;

export async function startServer(options: HubServerOptions): Promise<HubServer> {
  const server = new Server({
    "grpc.max_receive_message_length": MAX_REQUEST_BYTES,
    // Clients that went without a word are noticed; those that ask too often are told to go.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.max_concurrent_streams": 1_000,
  });
  server.addService(definitionOf(ContextHubService), handlersOf(options));
  const { certificate } = options;
  // The server's own comes first, whatever grpc-js' declaration calls its parameters (1.14.7).
  const credentials = certificate
    ? experimental.createCertificateProviderServerCredentials(certificate, null, false)
    : ServerCredentials.createInsecure();
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(options.address, credentials, (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    port,
    stop: async (graceMs = 5_000) => {
      const ended = new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      const late = setTimeout(() => server.forceShutdown(), graceMs);
      await ended;
      clearTimeout(late);
    },
  };
}
