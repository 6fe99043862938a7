import {
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { MethodDefinition, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import { HubError } from "./hub-error.ts";
import { badText } from "./wire-text.ts";

/** A request as it came: it is read where an error can still be told. */
export type Raw = Buffer;

/** What @grpc/grpc-js wants to know of a service, from what protobuf-es knows of it. Requests are left as bytes. */
export function definitionOf(service: DescService): ServiceDefinition<UntypedServiceImplementation> {
  return Object.fromEntries(service.methods.map((method) => [method.localName, methodOf(service, method)]));
}

function methodOf(service: DescService, method: DescMethod): MethodDefinition<Raw, object> {
  return {
    path: `/${service.typeName}/${method.name}`,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestSerialize: (raw) => raw,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: (message) =>
      Buffer.from(toBinary(method.output, message as MessageShape<typeof method.output>)),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

/** @throws HubError `INVALID_ARGUMENT`, naming the field where that is known. */
export function read<Method extends DescMethod>(method: Method, bytes: Raw): MessageShape<Method["input"]> {
  try {
    return fromBinary<Method["input"]>(method.input, bytes);
  } catch (cause) {
    const field = badText(method.input, bytes);
    const description = field === undefined ? "is no message of this type" : "is not UTF-8";
    const violations = field === undefined ? [] : [{ field, description }];
    throw new HubError("INVALID_ARGUMENT", `${field ?? "the request"} ${description}`, { cause, violations });
  }
}
