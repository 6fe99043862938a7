import type { Export } from "@nats-io/jwt";
import { streams, subjects } from "@vextir/api";

/** An answer may take this long; then the server forgets where it goes. */
const CALL_ANSWER_NS = 600e9;

/**
 * What a tenant's bus account offers; the drivers' imports choose from it.
 *
 * Never to be exported: `$JS.API.>` as a whole, and `CONSUMER.CREATE` on any stream. It rewrites others' consumers, and a
 * consumer's `deliver_subject` writes anywhere in this account.
 */
export function busExports(): Export[] {
  return [
    service("publish", "evt.>"),
    service("dead-letter", "dlq.>"),
    service("handling", "run.>"),
    ...[streams.events, streams.handlings, streams.directed].flatMap((name) => [
      service("consumer", `$JS.API.CONSUMER.INFO.${name}.*`),
      service("pull", `$JS.API.CONSUMER.MSG.NEXT.${name}.*`, { response_type: "Stream" }),
      service("ack", `$JS.ACK.${name}.>`),
    ]),
    service("wake", subjects.wake("*")),
    service("state-put", "$KV.>"),
    service("state-get", "$JS.API.DIRECT.GET.>", { response_type: "Stream" }),
    stream("state-watch", "kvw.>"),
    stream("observe", "pub.>"),
  ];
}

/** What a driver's own account offers to those that are granted it: its methods and its live topics. */
export function driverExports(driver: string): Export[] {
  return [
    service("call", subjects.call(driver, "*", "*"), { response_threshold: CALL_ANSWER_NS }),
    stream("live", subjects.live(driver, ">")),
  ];
}

const service = (name: string, subject: string, extra: Partial<Export> = {}): Export => ({
  name,
  subject,
  type: "service",
  response_type: "Singleton",
  ...extra,
});

const stream = (name: string, subject: string): Export => ({ name, subject, type: "stream" });
