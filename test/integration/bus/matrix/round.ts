import { eventually } from "../../../fixtures/eventually.ts";
import type { Arena, Listening } from "./arena.ts";
import type { Granted } from "./grants.ts";
import { accountOf, type Expected, expected, fits, relays } from "./model.ts";
import type { Draw, DrawnListening, Probe } from "./probes.ts";

export interface Drawn {
  everybody: readonly Granted[];
  /** By driver. */
  probes: readonly (readonly Draw[])[];
  listenings: readonly (readonly DrawnListening[])[];
}

let serial = 0;

/** Grants, what is tried under them, and whether what became of it is what the model says. */
export class Round {
  readonly #arena: Arena;
  readonly #everybody: readonly Granted[];
  readonly #drawn: Drawn;
  readonly probes: readonly Probe[];
  readonly #expected: ReadonlyMap<string, Expected>;
  readonly #relays: ReadonlySet<string>;
  listenings: readonly Listening[] = [];

  constructor(arena: Arena, drawn: Drawn) {
    this.#arena = arena;
    this.#drawn = drawn;
    this.#everybody = drawn.everybody;
    this.probes = drawn.everybody.flatMap((from, i) =>
      (drawn.probes[i] ?? []).map((draw): Probe => {
        const nonce = `~${serial++}~`;
        return { headers: {}, ...draw(from, nonce), from, nonce };
      }),
    );
    this.#relays = relays(this.probes, drawn.everybody);
    this.#expected = new Map(this.probes.map((one) => [one.nonce, expected(one, drawn.everybody)]));
  }

  get redirected() {
    return this.probes.filter(({ reply }) => !reply.startsWith("_INBOX.")).length;
  }
  get queued() {
    return this.listenings.filter(({ queue }) => queue !== undefined).length;
  }
  /** Messages that reach more than their own driver's account. */
  get granted() {
    return [...this.#expected.values()].filter(({ places }) => places.length > 1).length;
  }
  get deliveries() {
    return [...this.#expected.values()].reduce((sum, { consumers = [] }) => sum + consumers.length, 0);
  }
  get refused() {
    return this.probes.length - this.granted;
  }

  /** @returns what is not as it should be. */
  async play(): Promise<string[]> {
    const arena = this.#arena;
    await arena.grant(this.#everybody);
    const before = await arena.belongings();
    arena.delivered.clear();
    this.listenings = this.#everybody.flatMap((from, i) =>
      (this.#drawn.listenings[i] ?? []).map(({ pattern, queue }, j) =>
        // Groups of one: a group that two share is another matter.
        arena.listen(from, pattern(from), queue ? `${accountOf(from)}-${j}` : undefined),
      ),
    );
    await arena.settle(this.#everybody);
    for (const one of this.probes) arena.send(one);
    await eventually(() => this.probes.every((one) => this.#hasArrived(one))).catch(() => {});
    await eventually(() => this.#areDelivered()).catch(() => {});
    await arena.settle(this.#everybody);
    for (const listening of this.listenings) listening.stop();
    const after = await arena.belongings();
    const changed = after
      .filter((one) => !before.includes(one))
      .concat(before.filter((one) => !after.includes(one)));
    return [
      ...this.misplaced(),
      ...this.probes.flatMap((one) => this.#misdelivered(one)),
      ...this.listenings.flatMap((one) => misheard(one, arena)),
      ...changed.map((one) => `CHANGED ${one}`),
    ];
  }

  /** Places where a probe was seen and must not be, or the other way round. */
  misplaced(): string[] {
    return this.probes.flatMap((one) => {
      const { places, answered } = this.#of(one);
      const inbox = `${accountOf(one.from)} ${one.reply}`;
      const seen = (this.#arena.seen.get(one.nonce) ?? []).filter((place) => !isInner(place));
      const rest = seen.filter((place) => place !== inbox);
      const wrong = difference(places, rest).map((place) => `DENIED ${place}`);
      wrong.push(...difference(rest, places).map((place) => `ALLOWED ${place}`));
      const isAnswered = rest.length < seen.length;
      if (answered !== undefined && answered !== isAnswered)
        wrong.push(answered ? "DENIED an answer" : "ALLOWED an answer");
      if (
        one.subject.startsWith("$JS.API.") &&
        this.#arena.answers.get(one.nonce)?.some((text) => !text.includes('"error":'))
      )
        wrong.push("ALLOWED JetStream of its own");
      return wrong.map((what) => about(what, one));
    });
  }

  #of(one: Probe): Expected {
    const found = this.#expected.get(one.nonce);
    if (!found) throw new Error(`nothing is expected of ${one.nonce}`);
    return found;
  }

  #hasArrived(one: Probe): boolean {
    const { places, answered } = this.#of(one);
    const seen = this.#arena.seen.get(one.nonce) ?? [];
    return (
      places.every((place) => seen.includes(place)) &&
      (!answered || seen.includes(`${accountOf(one.from)} ${one.reply}`))
    );
  }

  #areDelivered(): boolean {
    if (this.probes.every((one) => this.#misdelivered(one).length === 0)) return true;
    for (const driver of this.#everybody) this.#arena.drain(driver);
    return false;
  }

  #misdelivered(one: Probe): string[] {
    const { consumers = [] } = this.#of(one);
    const delivered = this.#arena.delivered.get(one.nonce) ?? [];
    const wrong = difference(consumers, delivered).map((consumer) => `DENIED delivery by ${consumer}`);
    const more = difference(delivered, consumers).filter((one) => !this.#relays.has(one));
    wrong.push(...more.map((consumer) => `ALLOWED delivery by ${consumer}`));
    return wrong.map((what) => about(what, one));
  }
}

/** What the server says to itself: the way of an answer, and its reports of requests to JetStream. */
const isInner = (place: string) => / _R_\./.test(place) || /^[a-z]+ \$JS\.EVENT\./.test(place);

/** The watcher of the account heard everything: the subscription has to have heard what fits it, once. */
function misheard({ from, pattern, queue, heard, since }: Listening, arena: Arena): string[] {
  const history = (arena.history.get(accountOf(from)) ?? []).slice(since);
  const should = history.filter(({ subject }) => fits(pattern, subject)).map(text);
  const got = heard.map(text);
  const where = `subscription of ${accountOf(from)} to ${pattern}${queue ? ` in queue group ${queue}` : ""}`;
  return [
    ...difference(should, got).map((one) => `DENIED ${one}: ${where}`),
    ...difference(got, should).map((one) => `ALLOWED ${one}: ${where}`),
  ];
}

const text = ({ nonce, subject }: { nonce: string; subject: string }) => `${nonce} ${subject}`;

/** As multisets. */
function difference(these: readonly string[], those: readonly string[]): string[] {
  const left = [...those];
  return these.filter((one) => {
    const i = left.indexOf(one);
    if (i >= 0) left.splice(i, 1);
    return i < 0;
  });
}

const about = (what: string, { from, subject, reply, headers, nonce }: Probe) =>
  `${what}: ${nonce} ${accountOf(from)} -> ${subject} [${reply}] ${JSON.stringify(headers)} granted ${JSON.stringify(from)}`;
