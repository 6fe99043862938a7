import { randomUUID } from "node:crypto";
import { subjects } from "@vextir/api";
import { messageHeaders } from "../bus/message-headers.ts";
import { MESSAGE_ID, type Store } from "../bus/store.ts";
import type { Grants } from "../driver/grants.ts";
import { DriverError } from "../errors.ts";
import type { RuntimeMetrics } from "../observability/runtime-metrics.ts";
import { NO_TRACING } from "../tracing/no-tracing.ts";
import { eventAttributes, inTrace, publishSpan } from "../tracing/span-specs.ts";
import type { Traced, Tracing } from "../tracing/tracing.ts";
import { encodeEvent } from "./envelope.ts";
import type { Publish, Published, PublishOptions } from "./event.ts";
import { decodeData } from "./payload.ts";
import { RegisteredTypes } from "./registered-types.ts";

export interface PublisherOptions {
  driver: string;
  namespace: string;
  store: Store;
  grants: Grants;
  metrics: RuntimeMetrics;
  registered?: RegisteredTypes;
  tracing?: Tracing | undefined;
}

/** Publishes events under the driver's name, each acknowledged by the stream before it resolves. */
export function publisher(options: PublisherOptions): Publish {
  const { driver, namespace, store, grants, metrics, registered = new RegisteredTypes() } = options;
  const { tracing = NO_TRACING } = options;
  const publish = async (type: string, data: unknown, given: PublishOptions, traced: Traced | undefined) => {
    const options = inTrace(given, traced);
    const event = encodeEvent(type, data, options, `/${namespace}/${driver}`);
    traced?.span.setAttributes(eventAttributes(event.id, options.cause?.correlationId ?? event.id));
    grants.publish(type);
    if (registered.mayHave(type)) {
      // As those who read it will see it: a Date has become a text, what is undefined is gone.
      const read = decodeData(event.payload, event.contentType);
      const violation = await registered.violation({ type, dataSchema: options.dataSchema, data: read });
      if (violation) {
        metrics.schemaViolations.inc({ side: "Published" });
        throw violation;
      }
    }
    const ack = await store.put({
      subject: subjects.event(driver, event.partition, type),
      payload: event.payload,
      headers: messageHeaders({ ...event.headers, [MESSAGE_ID]: options.messageId ?? randomUUID() }),
      what: `event "${type}"`,
      refused: () => grants.heldBack(`event "${type}"`),
    });
    return { id: event.id, ...ack };
  };
  return async (type, data, options = {}): Promise<Published> => {
    try {
      const published = await tracing.inSpan(
        () => publishSpan(type, options.cause),
        (traced) => publish(type, data, options, traced),
      );
      metrics.published.inc();
      return published;
    } catch (error) {
      metrics.publishFailures.inc({ code: error instanceof DriverError ? error.code : "Unknown" });
      throw error;
    }
  };
}
