import type { Msg } from "@nats-io/nats-core";
import { ObservePattern, parseShared, subjects } from "@vextir/api";
import type { Logger } from "pino";
import type { Link, Listening } from "../bus/link.ts";
import { headersOf, lastHeader } from "../bus/message-headers.ts";
import type { Grants } from "../driver/grants.ts";
import type { Observation, Observe, ObserveOptions } from "../driver/runtime.ts";
import { DriverError } from "../errors.ts";
import { decodeEvent } from "../events/envelope.ts";
import type { Event, LiveMessage } from "../events/event.ts";
import { decodeJson } from "../events/payload.ts";
import type { RuntimeMetrics } from "../observability/runtime-metrics.ts";
import { LIVE_ID } from "./live.ts";

export interface ObserveParts {
  link: Link;
  grants: Grants;
  metrics: RuntimeMetrics;
  log: Logger;
}

const DEFAULT_MAX_QUEUED = 1_024;
/** Whatever the number, no more than this is kept waiting. */
const MAX_QUEUED_BYTES = 16 * 1_048_576;
const TELL_MS = 1_000;
const SEQUENCE = "Nats-Sequence";
/** Ids remembered while messages may come twice. */
const MAX_REMEMBERED = 4_096;

type Seen = (value: never) => void | Promise<void>;

/** Watches what others publish: nothing is stored for the observer, and what it is too slow for is dropped, counted and told. */
export function createObserve(parts: ObserveParts): Observe {
  return ((pattern: string, seen: Seen, options: ObserveOptions = {}) => {
    const live = pattern.startsWith("live.");
    if (!ObservePattern.safeParse(pattern).success)
      throw new DriverError("InvalidInput", `"${pattern}" is no pattern of types or live topics`);
    parts.grants.observe(pattern);
    const subject = live ? pattern : publishedSubject(pattern);
    return new Observer(parts, subject, live ? liveMessage : observedEvent, seen, options);
  }) as Observe;
}

function publishedSubject(pattern: string): string {
  const { namespace, pattern: type } = parseShared(pattern);
  return namespace === undefined ? subjects.published("*", type) : subjects.sharedPublished(namespace, type);
}

class Observer implements Observation {
  readonly #parts: ObserveParts;
  readonly #subject: string;
  readonly #read: (message: Msg) => unknown;
  readonly #seen: Seen;
  readonly #options: ObserveOptions;
  readonly #listening: Listening;
  readonly #known = new Set<string>();
  #queue: Msg[] = [];
  #bytes = 0;
  #running = false;
  #stopped = false;
  #dropped = 0;
  #telling: NodeJS.Timeout | undefined;

  constructor(
    parts: ObserveParts,
    subject: string,
    read: (message: Msg) => unknown,
    seen: Seen,
    options: ObserveOptions,
  ) {
    this.#parts = parts;
    this.#subject = subject;
    this.#read = read;
    this.#seen = seen;
    this.#options = options;
    this.#listening = parts.link.listen(subject, {
      received: (message) => this.#receive(message),
      refused: (error) => parts.log.error({ err: error, subject }, "the bus refuses what is to be observed"),
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#queue = [];
    clearTimeout(this.#telling);
    this.#listening.stop();
  }

  #receive(message: Msg): void {
    if (this.#twice(message)) return;
    this.#queue.push(message);
    this.#bytes += message.data.length;
    const max = this.#options.maxQueued ?? DEFAULT_MAX_QUEUED;
    while (this.#queue.length > 1 && (this.#queue.length > max || this.#bytes > MAX_QUEUED_BYTES)) {
      this.#bytes -= this.#queue.shift()?.data.length ?? 0;
      this.#drop();
    }
    if (!this.#running) void this.#run();
  }

  /** While there are two connections each message comes over both; what the last one brought before may come again. */
  #twice(message: Msg): boolean {
    const id = identityOf(message);
    if (!id) return false;
    if (this.#known.has(id)) return true;
    if (this.#known.size >= MAX_REMEMBERED) this.#known.delete(this.#known.values().next().value ?? "");
    this.#known.add(id);
    return false;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    this.#running = true;
    for (let message = this.#queue.shift(); message && !this.#stopped; message = this.#queue.shift()) {
      this.#bytes -= message.data.length;
      try {
        const value = this.#read(message);
        if (value === undefined)
          this.#parts.metrics.dropped.inc({ subscription: "", reason: "NotObservable" });
        else await this.#seen(value as never);
      } catch (error) {
        this.#parts.log.error({ err: error, subject: message.subject }, "an observer's callback failed");
      }
    }
    this.#running = false;
  }

  #drop(): void {
    this.#dropped++;
    this.#parts.metrics.observedDropped.inc();
    this.#telling ??= setTimeout(() => this.#tell(), TELL_MS).unref();
  }

  #tell(): void {
    this.#telling = undefined;
    const count = this.#dropped;
    this.#dropped = 0;
    this.#parts.log.warn({ subject: this.#subject, count }, "an observer is too slow: messages were dropped");
    try {
      this.#options.onDropped?.(count);
    } catch (error) {
      this.#parts.log.error({ err: error }, "onDropped failed");
    }
  }
}

/** By the server's word for events, by the publisher's for its own live messages: nobody can pass for another's. */
function identityOf(message: Msg): string {
  const [root, publisher] = message.subject.split(".", 2);
  if (root !== "live") return lastHeader(message, SEQUENCE);
  const id = headersOf(message).get(LIVE_ID);
  return id ? `${publisher} ${id}` : "";
}

function observedEvent(message: Msg): Event | undefined {
  const map = headersOf(message);
  const stored = {
    subject: message.subject,
    sequence: Number(lastHeader(message, SEQUENCE)),
    storedMs: Date.parse(lastHeader(message, "Nats-Time-Stamp")) || Date.now(),
  };
  const decoded = decodeEvent(stored, map, message.data);
  return typeof decoded === "string" ? undefined : decoded.event;
}

function liveMessage(message: Msg): LiveMessage {
  const [, publisher = "", ...topic] = message.subject.split(".");
  return { publisher, topic: topic.join("."), data: decodeJson(message.data) };
}
