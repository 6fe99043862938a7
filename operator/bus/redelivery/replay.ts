import { randomUUID } from "node:crypto";
import type { JsMsg } from "@nats-io/jetstream";
import {
  CE_PREFIX,
  MAX_REPLAYED,
  matches,
  normalizePatterns,
  parseEventSubject,
  type ReplayPage,
  type ReplayRequest,
  SPEC_VERSION,
  streams,
  subjects,
} from "@vextir/api";
import type { TenantAdmin } from "../tenant-connections.ts";
import { direct, type Original, type Sent } from "./directing.ts";
import { valuesOf } from "./stored.ts";
import { readStream } from "./stream-reading.ts";
import { type Target, targetsOf } from "./targets.ts";

/** Looked at in one request of a dry run, which sends nothing. */
const MAX_COUNTED = 10_000;
/** Sent together; the stream has them in this order. */
const TOGETHER = 256;
/** Of the events sent together: memory, and what stands in the connection's buffer. */
const MAX_BYTES = 8 * 2 ** 20;

interface Pending {
  sequence: number;
  type: string;
  /** To each of the targets. */
  sent: Promise<Sent[]>;
}

/**
 * Sends a part of the history to one driver: to each subscription of it that is given such events by itself. Repeated with the same replay's
 * id, within ten minutes, it sends nothing twice; with `next` as `after` it goes on.
 *
 * @returns undefined where the driver has no subscription of events.
 */
export async function replayEvents(
  admin: TenantAdmin,
  driver: string,
  request: ReplayRequest,
): Promise<ReplayPage | undefined> {
  const targets = [...(await targetsOf(admin, streams.events, driver)).values()];
  if (targets.length === 0) return undefined;
  const { replay = randomUUID() } = request;
  const through = request.through ?? (await admin.jetstream.streams.info(streams.events)).state.last_seq;
  const page: ReplayPage = { replay, types: {}, repeated: 0, tooLarge: 0, through };
  const sending = new SendingReplay(admin, targets, page);
  await readStream(admin, readingOf(targets, request), (message) => sending.take(message, request));
  await sending.flush();
  return page;
}

class SendingReplay {
  readonly #admin: TenantAdmin;
  readonly #targets: readonly Target[];
  readonly #page: ReplayPage;
  readonly #pending: Pending[] = [];
  #bytes = 0;
  #looked = 0;

  constructor(admin: TenantAdmin, targets: readonly Target[], page: ReplayPage) {
    this.#admin = admin;
    this.#targets = targets;
    this.#page = page;
  }

  /** Whether more is wanted. */
  async take(message: JsMsg, { types, to, dryRun = false }: ReplayRequest): Promise<boolean> {
    const { seq: sequence } = message;
    const storedMs = Math.floor(message.info.timestampNanos / 1e6);
    if (sequence > this.#page.through || (to !== undefined && storedMs > Date.parse(to))) return false;
    const isEnough = ++this.#looked >= (dryRun ? MAX_COUNTED : MAX_REPLAYED);
    const values = valuesOf(message.headers);
    const type = typeOf(message.subject, values);
    const wanted = type !== undefined && (!types || types.some((pattern) => matches(pattern, type)));
    const targets = wanted ? this.#targets.filter((target) => target.takes(type)) : [];
    if (targets.length > 0 && type !== undefined) {
      if (dryRun) this.#count(type);
      else {
        const original = { subject: message.subject, sequence, storedMs, values, payload: message.data };
        this.#send(type, original, targets);
      }
    }
    this.#page.at = new Date(storedMs).toISOString();
    if ((this.#pending.length >= TOGETHER || this.#bytes > MAX_BYTES) && !(await this.flush())) return false;
    if (!isEnough) return true;
    if (await this.flush()) this.#page.next = sequence;
    return false;
  }

  #send(type: string, original: Original, targets: readonly Target[]): void {
    const { sequence, payload } = original;
    const { replay: id } = this.#page;
    const sent = Promise.all(
      targets.map((target) => {
        const messageId = `replay:${id}:${target.driver}:${target.subscription}:${sequence}`;
        return direct(this.#admin.connection, target, original, { id, kind: "Replay", messageId });
      }),
    );
    // The first that fails ends the replay, by which nobody looks at the others any more.
    sent.catch(() => {});
    this.#bytes += payload.length;
    this.#pending.push({ sequence, type, sent });
  }

  /** False: DIRECTED is full, and the page ends before what it did not take. */
  async flush(): Promise<boolean> {
    this.#bytes = 0;
    for (const { sequence, type, sent } of this.#pending.splice(0)) {
      const outcomes = await sent;
      if (outcomes.includes("Full")) {
        // What was taken behind it is sent once all the same: its id is known.
        this.#page.full ??= true;
        this.#page.next ??= sequence - 1;
      } else if (this.#page.full) {
        // Counted when its turn comes.
      } else if (outcomes.includes("TooLarge")) this.#page.tooLarge++;
      else if (outcomes.every((outcome) => outcome === "Repeated")) this.#page.repeated++;
      else this.#count(type);
    }
    return this.#page.full !== true;
  }

  #count(type: string): void {
    this.#page.types[type] = (this.#page.types[type] ?? 0) + 1;
  }
}

function readingOf(targets: readonly Target[], { from, after, types, dryRun = false }: ReplayRequest) {
  const wanted = normalizePatterns(types ?? targets.flatMap((target) => target.types));
  return {
    stream: streams.events,
    filters: wanted.map((type) => subjects.subscribed("Events", type)),
    headersOnly: dryRun,
    ...(after !== undefined && after > 0 ? { from: after + 1 } : { since: new Date(from) }),
  };
}

/** Undefined: it is no event, which drivers would drop. */
function typeOf(subject: string, values: ReadonlyMap<string, string>): string | undefined {
  const place = parseEventSubject(subject);
  const isEvent =
    values.get(`${CE_PREFIX}specversion`) === SPEC_VERSION && values.get(`${CE_PREFIX}type`) === place?.type;
  return isEvent ? place?.type : undefined;
}
