import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { DriverFile, manifestHash, normalizePatterns, streams, subjects } from "@vextir/api";
import { type Logger, pino } from "pino";
import type { z } from "zod";
import { Link } from "../bus/link.ts";
import { Store } from "../bus/store.ts";
import type { CallOptions } from "../calls/call.ts";
import { CallServer } from "../calls/call-server.ts";
import { Caller } from "../calls/caller.ts";
import type { CallContext } from "../driver/context.ts";
import type { MethodDefinition } from "../driver/definition.ts";
import type { Driver } from "../driver/driver.ts";
import { Grants } from "../driver/grants.ts";
import { type DriverSource, definitionOf, manifestOf } from "../driver/manifest.ts";
import type { Runtime } from "../driver/runtime.ts";
import type { Event, Published, PublishOptions } from "../events/event.ts";
import { publisher } from "../events/publisher.ts";
import type { Environment } from "../host/environment.ts";
import { type RunningDriver, runDriver } from "../host/run-driver.ts";
import { createMetrics } from "../observability/metrics.ts";
import { runtimeMetrics } from "../observability/runtime-metrics.ts";
import { NatsProcess } from "./nats-process.ts";
import { type DeadLetterRecord, ofType, Recording, readDeadLetter, readEvent } from "./recording.ts";
import { makeStreams } from "./streams.ts";

type FileInput = z.input<typeof DriverFile>;

export interface TestKitOptions {
  /** Name of the Driver object; default: the manifest's. */
  name?: string;
  config?: Record<string, unknown>;
  /** What is granted; default: what the manifest needs. */
  capabilities?: FileInput["capabilities"];
  /** Default: one, named `default`, of all types that the code handles. */
  subscriptions?: FileInput["subscriptions"];
  /** Delivery of that one. */
  delivery?: NonNullable<FileInput["subscriptions"]>[number]["delivery"];
  /** Numbers of named ports; default: any free one is asked for by 0. */
  ports?: Record<string, number>;
  /** The context hub that it is told of; default: none. */
  hub?: Environment["hub"];
  /** Folder of the secrets, a file for each. */
  secretsDir?: string;
  /** Further members of the driver's file. */
  file?: Partial<FileInput>;
  /** Default: what the environment's `VEXTIR_LOG_LEVEL` says, else silent. */
  log?: Logger;
}

export interface WaitOptions {
  /** Default 1. */
  count?: number;
  /** Default 5,000. */
  timeoutMs?: number;
}

/** Who the kit is on the bus. */
const KIT = "test-kit";

/**
 * Runs a driver in this process against a nats-server of its own, without an operator: the kit makes what the operator
 * would, in one account. It shows what the driver does, not what the bus would refuse it.
 */
export class TestKit {
  readonly server: NatsProcess;
  readonly file: DriverFile;
  /** Connection of the kit itself. */
  readonly connection: NatsConnection;
  readonly running: RunningDriver;
  readonly #source: DriverSource;
  readonly #environment: Environment;
  readonly #events: Recording<Event>;
  readonly #deadLetters: Recording<DeadLetterRecord>;
  readonly #peers = new Map<string, Peer>();
  readonly #servers: CallServer[] = [];

  private constructor(parts: {
    server: NatsProcess;
    connection: NatsConnection;
    running: RunningDriver;
    source: DriverSource;
    environment: Environment;
    events: Recording<Event>;
    deadLetters: Recording<DeadLetterRecord>;
  }) {
    this.server = parts.server;
    this.connection = parts.connection;
    this.running = parts.running;
    this.file = parts.environment.file;
    this.#source = parts.source;
    this.#environment = parts.environment;
    this.#events = parts.events;
    this.#deadLetters = parts.deadLetters;
  }

  static async start(source: DriverSource, options: TestKitOptions = {}): Promise<TestKit> {
    const server = await NatsProcess.start();
    try {
      const environment = environmentOf(source, options, server.url);
      const connection = await connect({
        servers: server.url,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 100,
      });
      const jetstream = await jetstreamManager(connection);
      await makeStreams(jetstream, environment.file);
      const events = new Recording(jetstream, streams.events, readEvent);
      const deadLetters = new Recording(jetstream, streams.deadLetters, readDeadLetter);
      const running = await runDriver(source, environment);
      await running.ready;
      return new TestKit({ server, connection, running, source, environment, events, deadLetters });
    } catch (error) {
      await server.remove();
      throw error;
    }
  }

  /** The driver's instance. */
  get driver(): Driver {
    if (!this.running.driver) throw new Error("the driver was not made: its manifest is not accepted");
    return this.running.driver;
  }

  /** `http://127.0.0.1:<port>` of the health endpoints. */
  get healthUrl(): string {
    return `http://127.0.0.1:${this.running.healthPort}`;
  }

  /** Publishes an event as another driver, `test-kit` if not said otherwise. */
  publish(
    type: string,
    data?: unknown,
    options: PublishOptions & { publisher?: string } = {},
  ): Promise<Published> {
    const { publisher: name = KIT, ...rest } = options;
    return this.#peer(name).publish(type, data, rest);
  }

  /** Calls a method of the driver, as another driver would. */
  call<T = unknown>(method: string, input?: unknown, options?: CallOptions<T>): Promise<T> {
    return this.#peer().call(`${this.file.name}.${method}`, input, options);
  }

  /** Answers calls of `<driver>.<method>` in that driver's place; with a description it is a tool. */
  answer(
    method: string,
    work: (input: unknown, call: CallContext) => unknown,
    about: Pick<MethodDefinition, "description" | "input"> = {},
  ): void {
    const [name = "", methodName = ""] = method.split(".");
    const link = new Link(this.connection);
    const counters = runtimeMetrics(createMetrics());
    const runtime = { ...this.#peer(name), name, log: this.#environment.log } as unknown as Runtime;
    const definition = {
      ...about,
      name: methodName,
      call: (_: Driver, input: unknown, call: CallContext) => work(input, call),
    };
    const server = new CallServer({
      link,
      runtime,
      driver: undefined as never,
      methods: [definition],
      metrics: counters,
      subject: subjects.call(name, methodName, "*"),
    });
    server.open();
    this.#servers.push(server);
  }

  /** Events on the bus that match the pattern, whoever published them, as soon as there are `count`. */
  events(pattern: string, { count = 1, timeoutMs = 5_000 }: WaitOptions = {}): Promise<Event[]> {
    return this.#events.first(count, timeoutMs, ofType(pattern), `events "${pattern}"`);
  }

  /** Dead letters, as soon as there are `count`. */
  deadLetters({ count = 1, timeoutMs = 5_000 }: WaitOptions = {}): Promise<DeadLetterRecord[]> {
    return this.#deadLetters.first(count, timeoutMs, () => true, "dead letters");
  }

  /** One more replica of the driver; stopped by whoever made it. */
  async replica(): Promise<RunningDriver> {
    const running = await runDriver(this.#source, { ...this.#environment, pod: "replica", healthPort: 0 });
    await running.ready;
    return running;
  }

  /** The text of `/metrics`. */
  async metrics(): Promise<string> {
    return (await fetch(`${this.healthUrl}/metrics`)).text();
  }

  #peer(name = KIT): Peer {
    const known = this.#peers.get(name) ?? peer(this.connection, name, this.file.namespace);
    this.#peers.set(name, known);
    return known;
  }

  async stop(): Promise<void> {
    await this.running.stop(1_000);
    await Promise.all(this.#servers.map((server) => server.stop(0)));
    await this.connection.close();
    await this.server.remove();
  }
}

/** Runs a driver against a real nats-server in one call; `stop()` it in the end. */
export const testKit = (source: DriverSource, options?: TestKitOptions): Promise<TestKit> =>
  TestKit.start(source, options);

function environmentOf(source: DriverSource, options: TestKitOptions, url: string): Environment {
  const manifest = manifestOf(source);
  const { handlers } = definitionOf(source);
  const types = normalizePatterns(handlers.map(({ pattern }) => pattern));
  const byDefault =
    types.length > 0 ? [{ types, ...(options.delivery && { delivery: options.delivery }) }] : [];
  const file = DriverFile.parse({
    name: options.name ?? manifest.name,
    namespace: "test",
    class: manifest.class,
    capabilities: options.capabilities ?? manifest.capabilities,
    subscriptions: options.subscriptions ?? byDefault,
    ...options.file,
  });
  return {
    file,
    config: options.config ?? {},
    busServers: [url],
    secretsDir: options.secretsDir,
    apiPrefix: "$JS.API",
    pod: "test",
    templateHash: "test",
    acceptedManifest: manifestHash(manifest),
    healthPort: 0,
    hub: options.hub,
    port: (name) => (options.ports ? options.ports[name] : 0),
    log: options.log ?? pino({ level: process.env["VEXTIR_LOG_LEVEL"] ?? "silent" }),
  };
}

type Peer = Pick<Runtime, "publish" | "call">;

/** A driver that is granted everything. */
function peer(connection: NatsConnection, name: string, namespace: string): Peer {
  const link = new Link(connection);
  const metrics = runtimeMetrics(createMetrics());
  const all = DriverFile.shape.capabilities.parse({ publish: [">"], call: ["*.*"] });
  const grants = new Grants(name, all);
  const store = new Store(link, link.maxPayload);
  return {
    publish: publisher({ driver: name, namespace, store, grants, metrics }),
    call: new Caller({ driver: name, link, grants, metrics }).call,
  };
}
