import { randomBytes } from "node:crypto";
import {
  type Call,
  DriverError,
  durationMs,
  type Publish,
  type PublishOptions,
  type Tool,
} from "@vextir/driver-runtime";
import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import { Acceptance } from "../acceptance.ts";
import { Access } from "../access/access.ts";
import { Audit } from "../access/audit.ts";
import { Config } from "../config.ts";
import { DeclaredTypes } from "../declared-types.ts";
import { DriversHealth } from "../drivers-health.ts";
import { History } from "../history/history.ts";
import { KnownEvents } from "../history/known-events.ts";
import type { RequestLabels } from "../http/measure.ts";
import { createServer } from "../http/server.ts";
import { Identities } from "../identity.ts";
import { Streams } from "../streams/streams.ts";
import { Waits } from "../waiting/waits.ts";

/** A bus with faults to order; the real one is in gateway.test.ts. */
export class TestBus {
  readonly stored: { type: string; data: unknown; options: PublishOptions }[] = [];
  readonly #ids = new Set<unknown>();
  /** Runs in place of the next publishes. */
  fault: (() => Promise<never>) | undefined;
  /** Whether the context hub answers; undefined: there is none. */
  hub: boolean | undefined;
  /** Answers calls of other drivers. */
  answer: (method: string, input: unknown) => unknown = (method) => {
    throw new DriverError("NotGranted", `may not call ${method}`);
  };
  /** Tools that are granted. */
  tools: Tool[] = [];
  onStored: (type: string, options: PublishOptions) => void = () => {};

  readonly publish: Publish = async (type, data, options = {}) => {
    if (this.fault) return this.fault();
    const duplicate = this.#ids.has(options.messageId);
    this.#ids.add(options.messageId);
    if (!duplicate) this.stored.push({ type, data, options });
    this.onStored(type, options);
    return { id: String(options.id), sequence: this.stored.length, duplicate };
  };
}

const CONFIRM_MS = 200;
const anyone = { anonymous: { publish: [">"], read: [">"] } };

/** The gateway's HTTP server without a driver around it; strangers may do everything if not said otherwise. */
export class TestServer {
  readonly server: FastifyInstance;
  readonly bus: TestBus;
  readonly waits: Waits;
  readonly streams: Streams;
  readonly declared: DeclaredTypes;
  /** Errors told to the log, statuses told to the metrics, lines of the audit. */
  readonly failures: unknown[] = [];
  readonly answered: number[] = [];
  readonly measured: RequestLabels[] = [];
  readonly lines: object[] = [];
  /** Outcomes told to the metrics. */
  readonly toolCalls: string[] = [];

  constructor(config: z.input<typeof Config> = {}, bus = new TestBus()) {
    const parsed = Config.parse({ auth: anyone, observe: ["a.>"], ...config });
    this.bus = bus;
    const done = new Map<string, unknown>();
    const call: Call = async (method, input) => bus.answer(method, input) as never;
    this.waits = new Waits(parsed.maxWaiting, "gateway");
    this.streams = new Streams(parsed.maxStreams);
    this.declared = new DeclaredTypes({ call, drivers: parsed.drivers, unusable: () => {} });
    this.server = createServer({
      config: parsed,
      access: new Access(parsed),
      audit: new Audit({ info: (line) => this.lines.push(line) }, parsed.audit),
      acceptance: new Acceptance({
        declared: this.declared,
        publish: bus.publish,
        identities: new Identities(randomBytes(32)),
        known: new KnownEvents({
          call,
          ledger: parsed.ledger,
          windowMs: durationMs(parsed.duplicateWindow),
        }),
        confirmTimeoutMs: CONFIRM_MS,
      }),
      waits: this.waits,
      streams: this.streams,
      history: new History(call, parsed.ledger),
      health: new DriversHealth({
        bus: async () => bus.fault === undefined,
        hub: async () => bus.hub,
        call,
        methods: new Map([[`${parsed.ledger}.query`, { limit: 1 }]]),
      }),
      once: async (key, work) => {
        if (!done.has(key)) done.set(key, await work(key));
        return done.get(key) as never;
      },
      tools: { list: async () => bus.tools },
      toolCalled: (outcome) => this.toolCalls.push(outcome),
      connected: async () => bus.fault === undefined,
      answered: (status) => this.answered.push(status),
      measured: (labels) => this.measured.push(labels),
      failed: (error) => this.failures.push(error),
    });
  }
}
