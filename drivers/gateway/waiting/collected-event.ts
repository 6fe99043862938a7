import type { Event } from "@vextir/driver-runtime";

/** An observed event in the JSON format of CloudEvents, and who published it, by the server's word. */
export function toJson(event: Event): Record<string, unknown> {
  const attributes = {
    ...event.extensions,
    specversion: "1.0",
    id: event.id,
    source: event.source,
    type: event.type,
    subject: event.subject,
    time: event.time || undefined,
    datacontenttype: event.dataContentType,
    dataschema: event.dataSchema,
    correlationid: event.correlationId,
    causationid: event.causationId,
    userid: event.userId,
    hops: event.hops,
    partitionkey: event.partitionKey,
    traceparent: event.traceParent,
    tracestate: event.traceState,
    publisher: event.publisher,
    ...dataMember(event.data),
  };
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

function dataMember(data: unknown): { data?: unknown; data_base64?: string } {
  return data instanceof Uint8Array ? { data_base64: Buffer.from(data).toString("base64") } : { data };
}
