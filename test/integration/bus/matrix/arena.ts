import { connect, headers, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { canonicalJson } from "@vextir/api";
import type { ReportListener } from "@vextir/operator/bus/index.ts";
import type { AccountKeys } from "@vextir/operator/bus/realm.ts";
import { startBus, type TestBus } from "../../../fixtures/nats.ts";
import { type Granted, NAMES, NAMESPACES, otherTenant, streamOf } from "./grants.ts";
import { accountOf } from "./model.ts";
import type { Probe } from "./probes.ts";

/** What a subscription got. */
export interface Heard {
  nonce: string;
  subject: string;
}

export interface Listening {
  from: Granted;
  pattern: string;
  queue: string | undefined;
  heard: Heard[];
  /** Position in what the account's watcher has seen when it began. */
  since: number;
  stop(): void;
}

interface Pod {
  /** Sends the probes. */
  prober: NatsConnection;
  /** Subscribes. */
  listener: NatsConnection;
  watcher: NatsConnection;
}

const NONCE = /~\d+~/;

/**
 * A real bus with two tenants of four drivers each, and somebody who watches everything in every account: so what becomes
 * of a message is seen, wherever it goes.
 */
export class Arena {
  readonly bus: TestBus;
  readonly #pods = new Map<string, Pod>();
  readonly #watchers: NatsConnection[] = [];
  readonly #admins = new Map<string, NatsConnection>();
  /** Places by nonce. */
  readonly seen = new Map<string, string[]>();
  /** Everything that an account got, in order. */
  readonly history = new Map<string, Heard[]>();
  /** Texts that came to where a probe asked its answer to, by its nonce. */
  readonly answers = new Map<string, string[]>();
  /** Consumers that delivered an event, by its nonce. */
  readonly delivered = new Map<string, string[]>();

  #drains = 0;
  #reports: ReportListener | undefined;

  private constructor(bus: TestBus) {
    this.bus = bus;
  }

  static async start(): Promise<Arena> {
    const arena = new Arena(await startBus());
    arena.#reports = arena.bus.acceptReports();
    await arena.#reports.ready();
    const { bus } = arena;
    await bus.tenant("other");
    for (const namespace of NAMESPACES)
      for (const name of NAMES) {
        await bus.driver(name, { namespace });
        const [prober, listener, watcher] = await Promise.all(
          [0, 1, 2].map(() => bus.connect({ name, namespace })),
        );
        if (!prober || !listener || !watcher) throw new Error("not connected");
        arena.#pods.set(`${namespace}/${name}`, { prober, listener, watcher });
        await arena.#watch(`${namespace}/${name}`, watcher);
      }
    for (const namespace of NAMESPACES) {
      const { connection } = await bus.admin(namespace);
      arena.#admins.set(namespace, connection);
      await arena.#watch(namespace, connection);
    }
    const { vextir, system } = bus.realm;
    for (const [name, account] of Object.entries({ vextir, SYS: system }))
      await arena.#watch(name, await arena.#connectTo(account));
    return arena;
  }

  async #connectTo(account: AccountKeys): Promise<NatsConnection> {
    const { jwt, key } = this.bus.realm.tenantUser(account);
    const connection = await connect({
      servers: this.bus.url,
      authenticator: (nonce) => ({ jwt, ...(nonce && { sig: key.sign(nonce).toString("base64url") }) }),
    });
    this.#watchers.push(connection);
    return connection;
  }

  async #watch(account: string, connection: NatsConnection): Promise<void> {
    const history: Heard[] = [];
    this.history.set(account, history);
    connection.subscribe(">", {
      callback: (error, message) => {
        if (!error) this.#note(account, message, history, connection);
      },
    });
    await connection.flush();
  }

  #note(account: string, message: Msg, history: Heard[], connection: NatsConnection) {
    const nonce = nonceOf(message);
    const { subject, reply = "" } = message;
    const [root, kind, , consumer = ""] = reply.split(".");
    if (root === "$JS" && kind === "ACK") {
      // A bus account sees it too, on its way.
      if (!account.includes("/")) return;
      push(this.delivered, nonce, `${account} ${consumer}`);
      connection.publish(reply, "+ACK");
      return;
    }
    // A method answers, so that an answer's way is seen too.
    const isCall = subject.startsWith(`call.${account.split("/")[1]}.`);
    if (isCall && reply.startsWith("_R_.")) connection.publish(reply, `re:${nonce}`);
    if (nonce === "") return;
    history.push({ nonce, subject });
    push(this.seen, nonce, `${account} ${subject}`);
    if (subject === `_INBOX.probe.${nonce}`) push(this.answers, nonce, message.string());
  }

  /** Gives every driver what it is granted, and only that. */
  async grant(everybody: readonly Granted[]): Promise<void> {
    const sharing = new Map(everybody.map(({ namespace, foreign }) => [namespace, foreign]));
    for (const namespace of NAMESPACES) {
      const other = otherTenant(namespace);
      const { types = [], methods = [], exported } = sharing.get(other) ?? {};
      const offer = { name: "shared", types: [...types], methods: [...methods], to: [other] };
      await this.bus.tenant(namespace, {
        exports: exported ? [offer] : [],
        imports: sharing.get(namespace)?.imported ? [{ namespace: other, name: "shared" }] : [],
      });
    }
    for (const { namespace, name, subscriptions, ...capabilities } of everybody) {
      const { publish, observe, call, state } = capabilities;
      await this.bus.driver(name, {
        namespace,
        capabilities: { publish: [...publish], observe: [...observe], call: [...call], state },
        subscriptions: subscriptions.map((s) => ({
          name: s.name,
          from: s.from,
          types: [...s.types],
          delivery: { deadLetter: s.deadLetter },
        })),
      });
    }
  }

  #pod(driver: Granted): Pod {
    const pod = this.#pods.get(accountOf(driver));
    if (!pod) throw new Error(`no pod of ${accountOf(driver)}`);
    return pod;
  }

  listen(from: Granted, pattern: string, queue: string | undefined): Listening {
    const heard: Heard[] = [];
    const subscription = this.#pod(from).listener.subscribe(pattern, {
      ...(queue && { queue }),
      callback: (error, message) => {
        if (error || message.reply?.startsWith("$JS.ACK.")) return;
        const nonce = nonceOf(message);
        if (nonce !== "") heard.push({ nonce, subject: message.subject });
      },
    });
    const since = this.history.get(accountOf(from))?.length ?? 0;
    return { from, pattern, queue, heard, since, stop: () => subscription.unsubscribe() };
  }

  send({ from, nonce, subject, body, reply, headers: fields }: Probe): void {
    const set = headers();
    for (const [name, value] of Object.entries(fields)) set.set(name, value);
    set.set("Probe", nonce);
    this.#pod(from).prober.publish(subject, body, { reply, headers: set });
  }

  /** Pulls everything that waits for the driver's subscriptions. */
  drain(from: Granted): void {
    for (const one of from.subscriptions) {
      const subject = `BUS.API.CONSUMER.MSG.NEXT.${streamOf(one)}.${from.name}_${one.name}`;
      this.#pod(from).prober.publish(subject, '{"batch":1000,"expires":50000000}', {
        reply: `_INBOX.drain.${this.#drains++}`,
      });
    }
  }

  /** Streams and consumers of every tenant, with their configurations. */
  async belongings(): Promise<string[]> {
    const found: string[] = [];
    for (const namespace of NAMESPACES) {
      const { connection, jetstream } = await this.bus.admin(namespace);
      for await (const { config } of jetstream.streams.list()) {
        found.push(`${namespace} ${canonicalJson(config)}`);
        for await (const consumer of jetstream.consumers.list(config.name))
          found.push(`${namespace} ${canonicalJson(consumer.config)}`);
      }
      await connection.close();
    }
    return found.sort();
  }

  /** Everything that was sent has arrived where it goes, and what streams do about it is done: they take one after the other. */
  async settle(everybody: readonly Granted[]): Promise<void> {
    await this.#flush();
    for (const [namespace, admin] of this.#admins) {
      const buckets = everybody.filter((d) => d.namespace === namespace && d.state);
      const ways = [
        "evt.settle.0.x",
        "dlq.settle.x",
        "run.settle.x",
        ...buckets.map(({ name }) => `$KV.${name}.settle`),
      ];
      const gets = buckets.map(({ name }) => `$JS.API.DIRECT.GET.KV_${name}`);
      await Promise.all([
        ...ways.map((way) => admin.request(way, "settle")),
        ...gets.map((get) => admin.request(get, '{"seq":1}')),
      ]);
      await admin.request("$JS.API.STREAM.NAMES", "");
    }
    await this.#flush();
  }

  async #flush(): Promise<void> {
    await Promise.all([...this.#pods.values()].flatMap((pod) => [pod.prober.flush(), pod.listener.flush()]));
    await Promise.all([...this.#pods.values()].map((pod) => pod.watcher.flush()));
    await Promise.all([...this.#admins.values(), ...this.#watchers].map((connection) => connection.flush()));
  }

  async stop(): Promise<void> {
    const pods = [...this.#pods.values()].flatMap(({ prober, listener, watcher }) => [
      prober,
      listener,
      watcher,
    ]);
    await Promise.all(
      [...pods, ...this.#admins.values(), ...this.#watchers].map((connection) => connection.close()),
    );
    await this.#reports?.stop();
    await this.bus.stop();
  }
}

/** In the subject, else in the header, else in the text: an answer carries it in the subject that it was asked to. */
function nonceOf(message: Msg): string {
  const found = NONCE.exec(message.subject)?.[0] ?? message.headers?.get("Probe");
  return found || (NONCE.exec(message.string())?.[0] ?? "");
}

function push(map: Map<string, string[]>, key: string, value: string) {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
