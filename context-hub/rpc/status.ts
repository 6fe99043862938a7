import { create, toBinary } from "@bufbuild/protobuf";
import { anyPack, DurationSchema } from "@bufbuild/protobuf/wkt";
import { Metadata, type StatusObject } from "@grpc/grpc-js";
import {
  BadRequestSchema,
  PreconditionFailureSchema,
  RetryInfoSchema,
} from "@vextir/proto/google/rpc/error_details_pb.js";
import { StatusSchema } from "@vextir/proto/google/rpc/status_pb.js";
import { failureOf } from "../database/failure.ts";
import { HubError } from "./hub-error.ts";

/** Where gRPC's clients look for the details of an error. */
export const DETAILS_KEY = "grpc-status-details-bin";
const RETRY_MS = 1_000;

/** Anything that was thrown as what a caller is told. */
export function hubErrorOf(error: unknown): HubError {
  if (error instanceof HubError) return error;
  switch (failureOf(error)) {
    case "Database":
      return new HubError("UNAVAILABLE", "the store is away", { cause: error, retryAfterMs: RETRY_MS });
    case "Data":
      return new HubError("INVALID_ARGUMENT", "the store can't hold it", { cause: error });
    case "Duplicate":
      return new HubError("ABORTED", "somebody else wrote the same at the same time", { cause: error });
    default:
      return new HubError("INTERNAL", "the hub failed; its log says why", { cause: error });
  }
}

export function statusOf(error: HubError): StatusObject {
  const details = [];
  if (error.violations.length > 0)
    details.push(
      anyPack(
        BadRequestSchema,
        create(BadRequestSchema, { fieldViolations: error.violations.map((one) => ({ ...one })) }),
      ),
    );
  if (error.precondition)
    details.push(
      anyPack(
        PreconditionFailureSchema,
        create(PreconditionFailureSchema, {
          violations: [{ ...error.precondition, description: error.message }],
        }),
      ),
    );
  if (error.retryAfterMs !== undefined)
    details.push(
      anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: durationOf(error.retryAfterMs) })),
    );
  const metadata = new Metadata();
  if (details.length > 0) {
    const whole = create(StatusSchema, { code: error.status, message: error.message, details });
    metadata.set(DETAILS_KEY, Buffer.from(toBinary(StatusSchema, whole)));
  }
  return { code: error.status, details: error.message, metadata };
}

const durationOf = (ms: number) =>
  create(DurationSchema, { seconds: BigInt(Math.floor(ms / 1_000)), nanos: (ms % 1_000) * 1_000_000 });
