import type { Event } from "@vextir/driver-runtime";
import type { EndReason, StreamClient } from "./client.ts";
import { control } from "./frames.ts";
import { type Place, placeText, type Replay } from "./place.ts";
import { RecentEvents, type Shown, shown } from "./recent-events.ts";

export interface Listener {
  client: StreamClient;
  shows: (event: Event) => boolean;
  /** Id of the last event that the client has. */
  after?: Place | undefined;
  /** Absent: there is no history to ask. */
  replay?: Replay | undefined;
}

const BEAT_MS = 15_000;
/** Recent events are kept so long after the last client has gone, for when it comes back. */
const LINGER_MS = 60_000;
/** A history that brings nothing for so long has all there is, unless an event that was seen says otherwise. */
const SETTLED_MS = 1_000;
/** A history that is behind is waited for no longer. */
const BEHIND_MS = 10_000;
/** Connections overlap when they are renewed, and grants may: an event may come twice. */
const MAX_REMEMBERED = 4_096;

/** Shows what is observed to those who listen, in the order of the bus. */
export class Streams {
  readonly #max: number;
  readonly #clients = new Map<StreamClient, Listener & { waiting?: Shown[] }>();
  readonly #recent = new RecentEvents();
  readonly #known = new Set<string>();
  #pending: Event[] = [];
  #beating: NodeJS.Timeout | undefined;
  #lingering: NodeJS.Timeout | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  get open(): number {
    return this.#clients.size;
  }
  get full(): boolean {
    return this.#clients.size >= this.#max;
  }

  /** Shows what it missed, then what comes. Never rejects. */
  async add(listener: Listener): Promise<void> {
    const { client, after } = listener;
    const entry: Listener & { waiting?: Shown[] } = { ...listener, waiting: [] };
    this.#clients.set(client, entry);
    clearTimeout(this.#lingering);
    this.#lingering = undefined;
    this.#beating ??= setInterval(() => {
      for (const each of this.#clients.keys()) each.beat();
    }, BEAT_MS).unref();
    const sent = after === undefined ? new Set<number>() : await this.#resume(entry, after);
    for (const event of entry.waiting ?? []) if (!sent.has(event.sequence)) client.send(event.text);
    delete entry.waiting;
  }

  remove(client: StreamClient): void {
    client.gone();
    if (!this.#clients.delete(client) || this.#clients.size > 0) return;
    clearInterval(this.#beating);
    this.#beating = undefined;
    this.#lingering = setTimeout(() => this.#forget(), LINGER_MS).unref();
  }

  /** An event was observed. All that come in one turn of the loop are shown together, in their order. */
  see(event: Event): void {
    if (this.#clients.size === 0 && !this.#lingering) return;
    if (this.#pending.push(event) === 1) setImmediate(() => this.#show());
  }

  /** Observed events were lost: whose they were is not known. */
  missed(): void {
    this.#recent.clear();
    for (const client of this.#clients.keys())
      client.send(control("missed", { why: "the gateway was too slow" }));
  }

  endAll(reason: EndReason): void {
    for (const client of [...this.#clients.keys()]) {
      client.end(reason);
      this.remove(client);
    }
    this.#forget();
  }

  #forget(): void {
    clearTimeout(this.#lingering);
    this.#lingering = undefined;
    this.#recent.clear();
  }

  #show(): void {
    const pending = this.#pending.filter((event) => this.#isNew(event));
    this.#pending = [];
    for (const event of pending
      .toSorted((a, b) => a.sequence - b.sequence)
      .map((event) => shown(event, Date.now()))) {
      this.#recent.add(event);
      for (const { client, shows, waiting } of this.#clients.values()) {
        if (client.ended) this.remove(client);
        if (client.ended || !shows(event.event)) continue;
        if (waiting) this.#hold(client, waiting, event);
        else client.send(event.text);
      }
    }
  }

  #isNew({ publisher, sequence, id }: Event): boolean {
    const key = `${publisher} ${sequence || id}`;
    if (this.#known.has(key)) return false;
    if (this.#known.size >= MAX_REMEMBERED) this.#known.delete(this.#known.values().next().value ?? "");
    this.#known.add(key);
    return true;
  }

  #hold(client: StreamClient, waiting: Shown[], event: Shown): void {
    waiting.push(event);
    if (waiting.length > MAX_REMEMBERED) client.end("TooSlow");
  }

  /** Answers what was sent. */
  async #resume(entry: Listener & { waiting?: Shown[] }, after: Place): Promise<Set<number>> {
    const { client, shows, replay } = entry;
    const sent = new Set<number>();
    let last = after.sequence;
    const give = (event: Shown) => {
      if (sent.has(event.sequence) || !shows(event.event)) return last;
      sent.add(event.sequence);
      client.send(event.text);
      last = Math.max(last, event.sequence);
      return last;
    };
    client.send(control("resumed", { after: placeText(after), from: replay ? "Ledger" : "Memory" }));
    try {
      if (replay && !(await this.#replayed(entry, replay(after), { after, give })))
        client.send(control("missed", { why: "the ledger is behind" }));
    } catch {
      client.send(control("missed", { why: "the ledger gave no answer" }));
    }
    // What the ledger has not yet recorded and is still in memory, or what there is without one.
    if (!replay && !this.#recent.reaches(after.sequence))
      client.send(control("missed", { why: "not all is still in memory" }));
    for (const event of this.#recent.after(last)) give(event);
    return sent;
  }

  /** Gives the pages of a history, until it meets what this gateway knows by itself. @returns whether it does. */
  async #replayed(
    { client, waiting }: Listener & { waiting?: Shown[] },
    pages: ReturnType<Replay>,
    { after, give }: { after: Place; give: (event: Shown) => number },
  ): Promise<boolean> {
    const began = performance.now();
    let newest = began;
    let last = after.sequence;
    for await (const page of pages) {
      for (const { event, ms } of page) last = give(shown(event, ms));
      if (client.ended) return true;
      const now = performance.now();
      if (page.length > 0) newest = now;
      else if (this.#meets(last, waiting, now - newest)) return true;
      else if (now - began >= BEHIND_MS) return false;
    }
    return true;
  }

  /** Whether a history that has come to `last` meets what is in memory, or what was seen since; nothing to meet: when it is at rest. */
  #meets(last: number, seen: readonly Shown[] | undefined, restedMs: number): boolean {
    if (this.#recent.reaches(last)) return true;
    const first = seen?.find(({ sequence }) => sequence > 0);
    return first ? first.sequence <= last : restedMs >= SETTLED_MS;
  }
}
