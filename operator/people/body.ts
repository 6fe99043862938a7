import type { IncomingMessage } from "node:http";
import { ApiProblem } from "./problem.ts";

/** More than any request needs. */
export const MAX_BODY_BYTES = 16_384;

/** The JSON that was sent; undefined: nothing. @throws ApiProblem `TooLarge`, `BadRequest` */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES)
    throw new ApiProblem("TooLarge", `a request holds ${MAX_BODY_BYTES} bytes at most`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES)
      throw new ApiProblem("TooLarge", `a request holds ${MAX_BODY_BYTES} bytes at most`);
    chunks.push(chunk);
  }
  if (bytes === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new ApiProblem("BadRequest", "the request is no JSON");
  }
}
