import { randomUUID } from "node:crypto";
import { EventType, subjects } from "@vextir/api";
import type { Link } from "../bus/link.ts";
import { messageHeaders } from "../bus/message-headers.ts";
import type { Live } from "../driver/runtime.ts";
import { DriverError } from "../errors.ts";
import { encodeJson } from "../events/payload.ts";
import type { RuntimeMetrics } from "../observability/runtime-metrics.ts";

/** Tells apart messages that reach an observer twice, over the two connections that it has at times. */
export const LIVE_ID = "Vextir-Live-Id";

/** Sends ephemeral messages in the driver's own account; whoever was granted them imports them. */
export function createLive(driver: string, link: Link, metrics: RuntimeMetrics): Live {
  const process = randomUUID();
  let count = 0;
  return (topic, data) => {
    if (!EventType.safeParse(topic).success)
      throw new DriverError(
        "InvalidInput",
        `"${topic}" is no live topic: dot-separated parts of letters, digits, '_' and '-'`,
      );
    const payload = encodeJson(data, `the live message "${topic}"`);
    if (payload.length > link.maxData)
      throw new DriverError(
        "TooLarge",
        `the live message "${topic}" has ${payload.length} bytes, and the bus takes ${link.maxData}`,
      );
    const set = messageHeaders({ [LIVE_ID]: `${process}.${count++}` });
    const sent = link.send(subjects.live(driver, topic), payload, { headers: set });
    metrics.live.inc({ outcome: sent ? "Sent" : "Dropped" });
  };
}
