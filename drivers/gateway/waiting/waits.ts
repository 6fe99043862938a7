import type { Event } from "@vextir/driver-runtime";
import { toJson } from "./collected-event.ts";

export interface WaitOptions {
  /** What is waited for: everything of this correlation. */
  correlationId: string;
  /** Id of the event that began it, which does not follow itself. */
  rootId: string;
  /** The event of this type is the last one; absent: time alone ends the wait. */
  until: string | undefined;
  timeoutMs: number;
  /** Whether whoever waits may see it. */
  shows: (event: Event) => boolean;
}

export interface Outcome {
  /** The event that ends the wait came. */
  complete: boolean;
  /** There was more than an answer may hold, or the gateway was too slow to see everything. */
  truncated: boolean;
  /** In the order of the bus. */
  events: Record<string, unknown>[];
}

export interface Wait {
  /** Never rejects. */
  readonly outcome: Promise<Outcome>;
  /** Ends it with what is there. */
  end(): void;
}

const MAX_EVENTS = 1_000;
const MAX_TEXT = 4_194_304;

/**
 * Requests that wait for what follows their event. A wait ends once: by its last event, at its time, when it is full, when
 * the client goes, or at shutdown.
 */
export class Waits {
  readonly #max: number;
  readonly #self: string;
  readonly #byCorrelation = new Map<string, Set<OpenWait>>();
  #open = 0;

  /** `self`: this driver's name on the bus. */
  constructor(max: number, self: string) {
    this.#max = max;
    this.#self = self;
  }

  get open(): number {
    return this.#open;
  }

  /** Undefined when as many as allowed wait already. */
  begin(options: WaitOptions): Wait | undefined {
    if (this.#open >= this.#max) return undefined;
    const { correlationId } = options;
    const peers = this.#byCorrelation.get(correlationId) ?? new Set();
    const wait = new OpenWait(options, () => {
      this.#open--;
      peers.delete(wait);
      if (peers.size === 0) this.#byCorrelation.delete(correlationId);
    });
    this.#byCorrelation.set(correlationId, peers.add(wait));
    this.#open++;
    return wait;
  }

  /** An event was observed. */
  see(event: Event): void {
    const waits = this.#byCorrelation.get(event.correlationId);
    if (!waits) return;
    for (const wait of [...waits]) {
      const isRoot =
        event.publisher === this.#self && event.id === wait.rootId && event.causationId === undefined;
      if (!isRoot && wait.shows(event)) wait.add(event);
    }
  }

  /** Observed events were lost: whose they were is not known. */
  missed(): void {
    for (const waits of this.#byCorrelation.values()) for (const wait of waits) wait.truncated = true;
  }

  endAll(): void {
    for (const waits of [...this.#byCorrelation.values()]) for (const wait of [...waits]) wait.end();
  }
}

class OpenWait implements Wait {
  readonly outcome: Promise<Outcome>;
  readonly rootId: string;
  readonly shows: (event: Event) => boolean;
  truncated = false;
  readonly #until: string | undefined;
  readonly #events: Record<string, unknown>[] = [];
  /** Grants that overlap show an event twice. */
  readonly #seen = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  readonly #settle: (complete: boolean) => void;
  #text = 0;
  #ended = false;

  constructor({ rootId, until, timeoutMs, shows }: WaitOptions, ended: () => void) {
    this.rootId = rootId;
    this.shows = shows;
    this.#until = until;
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.outcome = promise;
    this.#settle = (complete) => {
      if (this.#ended) return;
      this.#ended = true;
      clearTimeout(this.#timer);
      ended();
      resolve({ complete, truncated: this.truncated, events: this.#events });
    };
    this.#timer = setTimeout(() => this.#settle(false), timeoutMs);
  }

  add(event: Event): void {
    const key = JSON.stringify([event.publisher, event.source, event.id]);
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const json = toJson(event);
    this.#text += JSON.stringify(json).length;
    if (this.#events.length >= MAX_EVENTS || this.#text > MAX_TEXT) {
      this.truncated = true;
      this.#settle(false);
      return;
    }
    this.#events.push(json);
    if (event.type === this.#until) this.#settle(true);
  }

  end(): void {
    this.#settle(false);
  }
}
