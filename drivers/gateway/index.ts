import { ABOUT_METHOD, driver, durationMs, type Event, IODriver } from "@vextir/driver-runtime";
import type { FastifyInstance } from "fastify";
import { Acceptance } from "./acceptance.ts";
import { Access } from "./access/access.ts";
import { Audit } from "./access/audit.ts";
import { BusHealth } from "./bus-health.ts";
import { Config } from "./config.ts";
import { DeclaredTypes } from "./declared-types.ts";
import { DriversHealth } from "./drivers-health.ts";
import { History } from "./history/history.ts";
import { KnownEvents } from "./history/known-events.ts";
import { ALL_HOSTS, listen } from "./http/listen.ts";
import { createServer } from "./http/server.ts";
import { restarting } from "./http/trace.ts";
import { Identities } from "./identity.ts";
import { gatewayMetrics } from "./metrics.ts";
import { Streams } from "./streams/streams.ts";
import { Waits } from "./waiting/waits.ts";

export { Config } from "./config.ts";

/** Events that may wait for the loop; a wait that misses one says so. */
const MAX_QUEUED = 10_000;

/** HTTP in: CloudEvents that are posted become events on the bus. */
@driver({
  name: "gateway",
  version: "0.1.0",
  resources: { requests: { cpu: "10m", memory: "96Mi" } },
  class: "IO",
  description: "Takes CloudEvents over HTTP, and answers with what followed them.",
  config: Config,
  capabilities: { state: true },
})
export default class Gateway extends IODriver<typeof Config> {
  #server: FastifyInstance | undefined;
  #waits: Waits | undefined;
  #streams: Streams | undefined;
  #declared: DeclaredTypes | undefined;

  /** Where it listens: `http://127.0.0.1:8080`. Undefined until it has started. */
  address: string | undefined;

  override async start(): Promise<void> {
    this.#waits = new Waits(this.config.maxWaiting, this.name);
    this.#streams = new Streams(this.config.maxStreams);
    await this.#observe(this.#waits, this.#streams);
    this.#declared = new DeclaredTypes({
      call: this.call,
      drivers: this.config.drivers,
      unusable: (driver, type, err) =>
        this.log.warn({ driver, type, err }, "events of a registered type are not held to its schema"),
    });
    const health = new BusHealth(this.bus);
    const { answers, requests, toolCalls } = gatewayMetrics(this.metrics);
    this.#server = createServer({
      config: this.config,
      access: new Access(this.config),
      audit: new Audit(this.log, this.config.audit),
      acceptance: new Acceptance({
        declared: this.#declared,
        publish: this.config.traces === "Restart" ? restarting(this.publish) : this.publish,
        identities: await Identities.load(this.state),
        known: new KnownEvents({
          call: this.call,
          ledger: this.config.ledger,
          windowMs: durationMs(this.config.duplicateWindow),
        }),
      }),
      waits: this.#waits,
      streams: this.#streams,
      history: new History(this.call, this.config.ledger),
      health: new DriversHealth({
        bus: () => health.answers(),
        hub: () => this.context.reachable(),
        call: this.call,
        methods: new Map<string, unknown>([
          [`${this.config.ledger}.query`, { limit: 1 }],
          ...this.config.drivers.map((name): [string, unknown] => [`${name}.${ABOUT_METHOD}`, {}]),
          ...this.config.health.map((method): [string, unknown] => [method, {}]),
        ]),
      }),
      once: this.once,
      tools: this.tools,
      toolCalled: (outcome) => toolCalls.inc({ outcome }),
      connected: () => health.answers(),
      answered: (status) => answers.inc({ status }),
      tracer: this.tracer,
      measured: (labels, seconds) => requests.observe({ ...labels }, seconds),
      failed: (error) => this.log.error({ err: error }, "a request failed"),
    });
    this.address = await listen(
      this.#server,
      this.port("http"),
      this.listenHost ? [this.listenHost] : ALL_HOSTS,
    );
    this.log.info({ address: this.address }, "listening");
    this.#declared.start();
    this.#sayWhoMayEnter();
  }

  #sayWhoMayEnter(): void {
    const { anonymous, issuers, apiKeys } = this.config.auth;
    if (anonymous)
      this.log.info({ anonymous }, "spec.config.auth.anonymous: whoever reaches the port is let in");
    else if (issuers.length + apiKeys.length === 0)
      this.log.warn("spec.config.auth names nobody: every event is refused with 401");
  }

  override async stop(): Promise<void> {
    this.#declared?.stop();
    this.#waits?.endAll();
    this.#streams?.endAll("Closing");
    await this.#server?.close();
  }

  /** All the time, not only while somebody waits: a subscription made then might reach the servers after the first answer. */
  async #observe(waits: Waits, streams: Streams): Promise<void> {
    const seen = (event: Event) => {
      waits.see(event);
      streams.see(event);
    };
    const onDropped = () => {
      waits.missed();
      streams.missed();
    };
    for (const pattern of this.config.observe)
      this.observe(pattern, seen, { maxQueued: MAX_QUEUED, onDropped });
    await this.bus.connection.flush();
  }
}
