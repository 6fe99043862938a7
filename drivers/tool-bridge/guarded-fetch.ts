import { setTimeout as delay } from "node:timers/promises";
import type { FetchLike } from "@modelcontextprotocol/sdk/shared/transport.js";
import { DriverError } from "@vextir/driver-runtime";

export interface GuardedFetchOptions {
  /** The header that says who asks, as it is now; undefined: none is wanted. */
  credential: () => Promise<[name: string, value: string] | undefined>;
  maxBytes: number;
  /** A request and its answer, to the last byte, take no longer. */
  maxMs: number;
  /** An answer to a request was larger. */
  tooLarge: (error: DriverError) => void;
}

/** The server says itself when a stream is to be opened again. */
const STREAM_PAUSE_MS = 1_000;

/**
 * `fetch` for a server that is not trusted: answers are bounded in size and time, streams that it ends are opened again slowly. Redirects are
 * the SDK's to follow, which leaves the server's origin for none.
 */
export function guardedFetch(options: GuardedFetchOptions): FetchLike {
  const { credential, maxBytes, maxMs, tooLarge } = options;
  let streamAt = 0;
  return async (url, init = {}) => {
    const isStream = init.method === "GET";
    const signals = [init.signal, isStream ? undefined : AbortSignal.timeout(maxMs)];
    const signal = AbortSignal.any(signals.filter((one) => one !== undefined && one !== null));
    if (isStream) {
      const waitMs = Math.max(0, streamAt - performance.now());
      streamAt = performance.now() + waitMs + STREAM_PAUSE_MS;
      await delay(waitMs, undefined, { signal, ref: false });
    }
    const headers = new Headers(init.headers);
    const proof = await credential();
    if (proof) headers.set(...proof);
    const response = await fetch(url, { ...init, headers, signal });
    const large = () => {
      const error = new DriverError("TooLarge", `the server's answer has more than ${maxBytes} bytes`);
      if (!isStream) tooLarge(error);
      return error;
    };
    return response.body ? bounded(response, response.body, maxBytes, large) : response;
  };
}

function bounded(response: Response, body: ReadableStream<Uint8Array>, maxBytes: number, large: () => Error) {
  let bytes = 0;
  const counted = body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.length;
        if (bytes > maxBytes) controller.error(large());
        else controller.enqueue(chunk);
      },
    }),
  );
  const { status, statusText, headers, url } = response;
  const copy = new Response(counted, { status, statusText, headers });
  // A redirect within the origin is told by it.
  Object.defineProperty(copy, "url", { value: url });
  return copy;
}
