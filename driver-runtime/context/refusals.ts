import { type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { type ServiceError, status } from "@grpc/grpc-js";
import { BadRequestSchema, RetryInfoSchema } from "@vextir/proto/google/rpc/error_details_pb.js";
import { StatusSchema } from "@vextir/proto/google/rpc/status_pb.js";
import { DriverError, type DriverErrorCode } from "../errors.ts";

const CODES: Partial<Record<status, DriverErrorCode>> = {
  [status.PERMISSION_DENIED]: "NotGranted",
  [status.UNAUTHENTICATED]: "NotGranted",
  [status.NOT_FOUND]: "NotFound",
  [status.INVALID_ARGUMENT]: "InvalidInput",
  [status.FAILED_PRECONDITION]: "Conflict",
  [status.ALREADY_EXISTS]: "Conflict",
  [status.ABORTED]: "Conflict",
  [status.DEADLINE_EXCEEDED]: "Timeout",
  [status.RESOURCE_EXHAUSTED]: "TooLarge",
  [status.CANCELLED]: "Closed",
};

/** A gRPC error as the runtime's; anything else as it is. */
export function driverErrorOf(error: unknown, method: string): unknown {
  const { code, details } = error as Partial<ServiceError>;
  if (typeof code !== "number") return error;
  return new DriverError(CODES[code as status] ?? "Unavailable", `context hub, ${method}: ${details}`, {
    cause: error,
  });
}

export interface ErrorDetails {
  fields: string[];
  retryAfterMs: number | undefined;
}

export function detailsOf(error: ServiceError): ErrorDetails {
  const [bytes] = error.metadata?.get("grpc-status-details-bin") ?? [];
  const all = bytes ? fromBinary(StatusSchema, bytes as Buffer).details : [];
  const of = <S extends DescMessage>(schema: S) =>
    all.map((any) => anyUnpack(any, schema)).find((message) => message !== undefined);
  const delay = of(RetryInfoSchema)?.retryDelay;
  return {
    fields: of(BadRequestSchema)?.fieldViolations.map(({ field }) => field) ?? [],
    retryAfterMs: delay && Number(delay.seconds) * 1_000 + delay.nanos / 1e6,
  };
}
