import { create } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import {
  type BatchCreateRequest,
  type BatchCreateResponse,
  BatchCreateResponseSchema,
} from "@vextir/proto/contexthub/v1/context_hub_pb.js";
import type { Caller } from "../access/caller.ts";
import type { Scope } from "../access/grants.ts";
import { HubError } from "../rpc/hub-error.ts";
import { type Draft, draftOf } from "./draft.ts";
import { permit, type Writing } from "./writing.ts";

/** Of one transaction. */
const MAX_ROWS = 200;
const MAX_BYTES = 1_048_576;
const MAX_FAILURES = 100;

/** Stores a stream of documents in groups; one that is wrong is named and the others are stored. */
export async function batchCreate(
  requests: AsyncIterable<BatchCreateRequest>,
  { writing, caller, scope }: { writing: Writing; caller: Caller; scope(): Scope },
): Promise<BatchCreateResponse> {
  const response = create(BatchCreateResponseSchema);
  let group: Draft[] = [];
  let bytes = 0;
  const flush = async () => {
    if (group.length === 0) return;
    const written = await writing.create(caller, scope(), group);
    for (const { changed } of written) changed ? response.created++ : response.unchanged++;
    group = [];
    bytes = 0;
  };
  let index = -1n;
  for await (const { document } of requests) {
    index++;
    try {
      const draft = draftOf(document, caller.user);
      permit(scope(), draft);
      group.push(draft);
      bytes += Buffer.byteLength(draft.content);
    } catch (error) {
      if (!(error instanceof HubError) || error.status === status.UNAVAILABLE) throw error;
      response.failed++;
      if (response.failures.length < MAX_FAILURES)
        response.failures.push({
          $typeName: "contexthub.v1.BatchCreateResponse.Failure",
          index,
          code: error.status,
          message: error.message,
          field: error.violations[0]?.field ?? "",
        });
    }
    if (group.length === MAX_ROWS || bytes >= MAX_BYTES) await flush();
  }
  await flush();
  return response;
}
