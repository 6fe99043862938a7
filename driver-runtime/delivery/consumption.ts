import { setTimeout as delay } from "node:timers/promises";
import type { Msg } from "@nats-io/nats-core";
import type { Subscription } from "@vextir/api";
import type { Logger } from "pino";
import { type DeliveryInfo, parseDelivery } from "../bus/delivery-subject.ts";
import type { Link } from "../bus/link.ts";
import type { HandlerDefinition } from "../driver/definition.ts";
import type { Driver } from "../driver/driver.ts";
import type { Runtime } from "../driver/runtime.ts";
import { DriverError } from "../errors.ts";
import type { Event } from "../events/event.ts";
import type { RegisteredTypes } from "../events/registered-types.ts";
import type { RuntimeMetrics } from "../observability/runtime-metrics.ts";
import { processSpan, within } from "../tracing/span-specs.ts";
import { errorType } from "../tracing/spans.ts";
import type { Traced, Tracing } from "../tracing/tracing.ts";
import { InvalidData, runHandler, validated } from "./attempt.ts";
import { type DeliveryLimits, isTerminal, limitsOf, retryDelayMs } from "./backoff.ts";
import type { DeadLetterReason, DeadLetters } from "./dead-letters.ts";
import { EventContext } from "./event-context.ts";
import { filtering } from "./filters.ts";
import { Handling, type Outcome } from "./handling.ts";
import type { HandlingReports } from "./handling-reports.ts";
import type { Intake } from "./intake.ts";
import { Lane } from "./lane.ts";
import { Pulse } from "./pulse.ts";
import { Router } from "./router.ts";
import { type Delivery, type Rules, triage } from "./triage.ts";

export interface ConsumptionParts {
  link: Link;
  apiPrefix: string;
  runtime: Runtime;
  driver: Driver;
  handlers: readonly HandlerDefinition[];
  deadLetters: DeadLetters;
  /** Told of each attempt to handle an event; undefined: nobody is. */
  handlings: HandlingReports | undefined;
  metrics: RuntimeMetrics;
  tracing: Tracing;
  registered: RegisteredTypes;
  maxEventBytes: number;
  intake: Intake;
  /** Told whether the consumer answers. */
  consuming: (yes: boolean) => void;
}

/** How long an event is held back while its dead letter can't be stored, before it is given back. */
const DEAD_LETTER_PATIENCE_MS = 5 * 60_000;

interface Work {
  handling: Handling;
  delivery: Delivery;
  event: Event;
}

interface Settlement {
  delayMs?: number;
  reason?: string;
  /** Of whom the ledger is told, and why it failed. */
  event?: Event;
  error?: string;
}

/**
 * Consumes one subscription of the Driver object: pulls what there is room for, runs the handlers and tells the bus what
 * became of each delivery.
 */
export class Consumption {
  readonly name: string;
  readonly #parts: ConsumptionParts;
  readonly #limits: DeliveryLimits;
  readonly #rules: Rules;
  readonly #lanes: readonly Lane[];
  /** Those whose consumer answers. */
  readonly #answering = new Set<Lane>();
  readonly #log: Logger;
  readonly #pulse: Pulse;
  #stopping = false;
  #keeper: NodeJS.Timeout | undefined;

  constructor(parts: ConsumptionParts, subscription: Subscription) {
    const { link, apiPrefix, runtime, handlers, maxEventBytes, intake } = parts;
    this.name = subscription.name;
    this.#parts = parts;
    this.#limits = limitsOf(subscription);
    this.#rules = {
      types: subscription.types,
      passes: filtering(subscription.filters),
      router: new Router(handlers, subscription.name),
      maxDeliver: this.#limits.maxDeliver,
    };
    this.#pulse = new Pulse(this.#limits.ackWaitMs / 3, performance.now());
    this.#log = runtime.log.child({ subscription: intake.label });
    this.#lanes = intake.consumers.map(
      (consumer) =>
        new Lane({
          link,
          consumer: { apiPrefix, stream: intake.stream, consumer },
          limits: { messages: this.#limits.maxInHand, maxEventBytes },
          deliver: (message, lane) => this.#deliver(message, lane),
          consuming: (yes, lane) => this.#setConsuming(yes, lane),
          log: this.#log,
        }),
    );
  }

  open(): void {
    this.#tellConsuming(false);
    this.#keeper ??= setInterval(() => this.#keepAlive(), this.#limits.ackWaitMs / 3).unref();
    for (const lane of this.#lanes) lane.open();
  }

  get inHand(): number {
    return this.#lanes.reduce((sum, { inHand }) => sum + inHand.size, 0);
  }
  get longestMs(): number {
    return Math.max(0, ...this.#lanes.map(({ inHand }) => inHand.longestMs));
  }

  /** Pulls no more until `resume`; resolves when what was on its way is in hand. Handlers go on. */
  async pause(): Promise<void> {
    await this.#close();
  }

  resume(): void {
    if (this.#stopping) return;
    for (const lane of this.#lanes) lane.open();
  }

  /** Events that were not delivered to any replica yet; undefined: the bus does not say within `timeoutMs`. */
  async pending(timeoutMs: number): Promise<number | undefined> {
    const waiting = await Promise.all(this.#lanes.map((lane) => lane.waiting(timeoutMs)));
    return waiting.every((count) => count !== undefined) ? waiting.reduce((a, b) => a + b, 0) : undefined;
  }

  /** Stops pulling, waits `timeoutMs` for what is in hand and gives the rest back. Nothing is dead-lettered for being cut off. */
  async stop(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    const deadline = Date.now() + timeoutMs;
    await this.#close(timeoutMs);
    await Promise.all(this.#lanes.map(({ inHand }) => inHand.whenIdle(Math.max(0, deadline - Date.now()))));
    const reason = new DriverError("Closed", "the driver stops and its grace period is over");
    for (const handling of this.#inHand()) {
      this.#settle(handling, "Returned");
      handling.abort(reason);
    }
    clearInterval(this.#keeper);
  }

  async #close(patienceMs?: number): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close(patienceMs)));
  }

  #inHand(): Handling[] {
    return this.#lanes.flatMap(({ inHand }) => inHand.all());
  }

  #deliver(message: Msg, lane: Lane): void {
    try {
      this.#take(message, lane);
    } catch (error) {
      // A throw here would end the reader of the connection without a sign.
      this.#log.error({ err: error, subject: message.subject }, "a delivery could not be taken");
    }
  }

  #take(message: Msg, lane: Lane): void {
    const info = parseDelivery(message.reply);
    if (!info) {
      this.#parts.metrics.dropped.inc({ subscription: this.label, reason: "NotADelivery" });
      return;
    }
    const known = lane.inHand.get(info.sequence);
    if (known) known.again(message);
    else this.#begin(message, info, lane);
  }

  #begin(message: Msg, info: DeliveryInfo, lane: Lane): void {
    const { leaseMs } = this.#limits;
    const handling = new Handling({ link: this.#parts.link, lane, leaseMs }, message, info);
    lane.inHand.add(handling);
    const delivery = this.#parts.intake.read(message, info);
    if (!delivery) this.#drop(handling, message, "OutsideSubscription");
    else if (Number.isFinite(leaseMs) && this.#pulse.missed(performance.now()))
      void this.#decideIfHeld(handling, delivery, info);
    else this.#decide(handling, delivery);
  }

  /** It may have waited here for longer than it was this process's. Never rejects. */
  async #decideIfHeld(handling: Handling, delivery: Delivery, info: DeliveryInfo): Promise<void> {
    const holds = await handling.lane.stillHolds(info, this.#limits.ackWaitMs / 2);
    if (handling.settled) return;
    if (holds) this.#decide(handling, delivery);
    else this.#letGo(handling);
  }

  /** Somebody else may have it by now, so nothing is said to the bus. */
  #letGo(handling: Handling): void {
    const reason = new DriverError(
      "Closed",
      "the acknowledgement time ran out: another replica may have the event",
    );
    this.#log.warn({ sequence: handling.sequence, attempt: handling.attempt }, reason.message);
    handling.lapse();
    this.#settle(handling, "Returned");
    handling.abort(reason);
  }

  #decide(handling: Handling, delivery: Delivery): void {
    const verdict = triage(delivery, this.#rules);
    switch (verdict.do) {
      case "Drop":
        this.#drop(handling, delivery, verdict.reason);
        break;
      case "Acknowledge":
        this.#settle(handling, verdict.outcome);
        break;
      case "GiveUp":
        this.#giveUp({ handling, delivery, event: verdict.event }, verdict.reason, verdict.error);
        break;
      case "Handle":
        void this.#handle({ handling, delivery, event: verdict.event }, verdict.handler);
        break;
    }
  }

  /** Never rejects. */
  async #handle(work: Work, handler: HandlerDefinition): Promise<void> {
    const { event, handling, delivery } = work;
    await this.#parts.tracing.inSpan(
      () => processSpan(event, this.name, handling.attempt, delivery.replay !== undefined),
      (traced) => this.#attempt(work, handler, traced),
    );
  }

  /** Never rejects. */
  async #attempt(work: Work, handler: HandlerDefinition, traced: Traced | undefined): Promise<void> {
    const { handling } = work;
    try {
      if (this.#parts.registered.mayHave(work.event.type)) await this.#checkRegistered(work.event);
      const event = handler.schema ? await validated(work.event, handler.schema) : work.event;
      const { runtime, driver } = this.#parts;
      const delivery = {
        attempt: handling.attempt,
        storedMs: work.delivery.info.storedMs,
        subscription: this.name,
        inProgress: handling.inProgress,
      };
      const context = new EventContext(runtime, event, delivery, traced && within(event, traced));
      await runHandler(handler, driver, event, context, handling);
      this.#settle(handling, "Succeeded", { event: work.event });
    } catch (error) {
      this.#failed(work, error);
      traced?.failed(errorType(error));
    }
  }

  /** @throws InvalidData */
  async #checkRegistered(event: Event): Promise<void> {
    const violation = await this.#parts.registered.violation(event);
    if (!violation) return;
    this.#parts.metrics.schemaViolations.inc({ side: "Received" });
    throw new InvalidData(violation.message);
  }

  #failed(work: Work, error: unknown): void {
    const { handling, event } = work;
    if (handling.settled) return;
    const text = error instanceof Error ? error.message : String(error);
    if (error instanceof InvalidData) this.#giveUp(work, "InvalidData", text);
    else if (isTerminal(error)) this.#giveUp(work, "Terminal", text, error);
    else if (handling.attempt >= this.#limits.maxDeliver && !this.#stopping)
      this.#giveUp(work, "AttemptsExhausted", text, error);
    else {
      const delayMs = retryDelayMs(error, handling.attempt, this.#limits.backoff);
      this.#log.warn(
        { ...this.#about(event, handling), retryInMs: delayMs, err: error },
        "a handler failed; the event will be delivered again",
      );
      this.#settle(handling, "Retried", { delayMs, event, error: text });
    }
  }

  #giveUp(work: Work, reason: DeadLetterReason, error: string, err?: unknown): void {
    const about = {
      ...this.#about(work.event, work.handling),
      reason,
      error,
      ...(err !== undefined && { err }),
    };
    if (this.#limits.deadLetter) {
      this.#log.error(about, "an event goes to the dead letters");
      void this.#bury(work, reason, error);
    } else {
      this.#log.error(about, "an event is given up; its subscription keeps no dead letters");
      this.#settle(work.handling, "GivenUp", { reason, event: work.event, error });
    }
  }

  /** Lets the event go once its dead letter is stored. Never rejects. */
  async #bury({ handling, delivery, event }: Work, reason: DeadLetterReason, error: string): Promise<void> {
    const { headers, payload, subject, replay } = delivery;
    const letter = {
      type: event.type,
      reason,
      error,
      // Of all times that it came.
      attempts: handling.attempt + (replay?.attempts ?? 0),
      redrives: replay?.redrives ?? 0,
      subscription: this.name,
      subject,
      sequence: event.sequence,
      headers,
      payload,
    };
    // The handler is done: from here on only the bus is waited for.
    handling.deadlineMs = Number.POSITIVE_INFINITY;
    const until = performance.now() + DEAD_LETTER_PATIENCE_MS;
    for (let waitMs = 500; !handling.settled; waitMs = Math.min(30_000, waitMs * 2)) {
      try {
        await this.#parts.deadLetters.keep(letter);
        this.#settle(handling, "DeadLettered", { reason, event, error });
      } catch (cause) {
        this.#log.error(
          { ...this.#about(event, handling), err: cause },
          "a dead letter could not be stored; the event is held and this is tried again",
        );
        if (this.#stopping || performance.now() > until)
          this.#settle(handling, "Returned", { delayMs: 30_000 });
        else await delay(waitMs, undefined, { ref: false });
      }
    }
  }

  #drop(handling: Handling, { subject }: Pick<Delivery, "subject">, reason: string): void {
    this.#parts.metrics.dropped.inc({ subscription: this.label, reason });
    this.#log.warn(
      { subject, sequence: handling.sequence, reason },
      "dropped a message that is no event for this driver",
    );
    this.#settle(handling, "Dropped", { reason });
  }

  #settle(handling: Handling, outcome: Outcome, settlement: Settlement = {}): void {
    const { delayMs, reason, event, error } = settlement;
    const answer = { ...(delayMs !== undefined && { delayMs }), ...(reason !== undefined && { reason }) };
    if (!handling.settle(outcome, { ...answer, patienceMs: this.#limits.ackWaitMs })) return;
    const { handled, handling: seconds } = this.#parts.metrics;
    const tookMs = performance.now() - handling.beganMs;
    handled.inc({ subscription: this.label, outcome });
    seconds.observe({ subscription: this.label }, tookMs / 1e3);
    if (event)
      this.#parts.handlings?.add({
        event,
        subscription: this.name,
        attempt: handling.attempt,
        beganMs: Date.now() - tookMs,
        tookMs,
        outcome,
        ...(reason !== undefined && { reason }),
        ...(error !== undefined && { error }),
      });
    handling.lane.release(handling);
  }

  /** Tells the bus that handlers are still at work, three times per acknowledgement time, and ends those that take too long. */
  #keepAlive(): void {
    const now = performance.now();
    const inHand = this.#inHand();
    this.#pulse.beat(now);
    this.#parts.metrics.inHand.set({ subscription: this.label }, inHand.length);
    for (const handling of inHand) {
      if (handling.lapsed) this.#letGo(handling);
      else if (now > handling.deadlineMs) handling.tooSlow();
      else if (now - handling.beganMs > this.#limits.ackWaitMs / 4) handling.inProgress();
    }
  }

  /** A subscription is consumed when all its lanes are. */
  #setConsuming(yes: boolean, lane: Lane): void {
    const was = this.#answering.size === this.#lanes.length;
    if (yes) this.#answering.add(lane);
    else this.#answering.delete(lane);
    const is = this.#answering.size === this.#lanes.length;
    if (is !== was) this.#tellConsuming(is);
  }

  #tellConsuming(yes: boolean): void {
    this.#parts.consuming(yes);
    this.#parts.metrics.consuming.set({ subscription: this.label }, yes ? 1 : 0);
  }

  /** The subscription in metrics. */
  get label(): string {
    return this.#parts.intake.label;
  }

  #about({ id, type, publisher, sequence, replay }: Event, { attempt }: Handling) {
    const { maxDeliver } = this.#limits;
    return {
      event: id,
      type,
      publisher,
      sequence,
      attempt,
      maxDeliver,
      ...(replay && { replay: replay.id }),
    };
  }
}
