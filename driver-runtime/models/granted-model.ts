import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { ModelFile } from "@vextir/api";
import type { Logger } from "pino";
import { DriverError } from "../errors.ts";
import type { RuntimeMetrics } from "../observability/runtime-metrics.ts";
import { costOf } from "./choice.ts";
import type { LimitKeeper } from "./limits.ts";
import type { ChatAnswer, ChatRequest, Model, ModelOptions, Usage } from "./model.ts";
import type { Provider } from "./provider.ts";

const ATTEMPTS = 3;
const BACKOFF_MS = 500;
/** A provider that asks for more patience is told of, not waited for: the event is delivered again later. */
const MAX_PATIENCE_MS = 20_000;
const MAX_TEXTS = 2_048;

export interface GrantedModelParts {
  info: ModelFile;
  /** Absent: the model wants no key. */
  keyFile: string | undefined;
  limits: LimitKeeper;
  metrics: Pick<RuntimeMetrics, "modelRequests" | "modelTokens" | "modelDollars" | "modelSeconds">;
  log: Logger;
}

type Work<T> = (provider: Provider, signal: AbortSignal, alive: () => void) => Promise<T>;

export class GrantedModel implements Model {
  readonly #parts: GrantedModelParts;
  #provider: Promise<{ provider: Provider; failureOf: typeof import("./provider.ts").failureOf }> | undefined;
  #lastKey = "";

  constructor(parts: GrantedModelParts) {
    this.#parts = parts;
  }

  get name(): string {
    return this.#parts.info.name;
  }
  get info(): Readonly<ModelFile> {
    return this.#parts.info;
  }

  async chat(request: ChatRequest, options: ModelOptions = {}): Promise<ChatAnswer> {
    this.#expect("Chat");
    const { model, maxOutputTokens } = this.info;
    const asked = { ...(maxOutputTokens !== undefined && { maxOutputTokens }), ...request };
    let heard = false;
    const onText = (delta: string) => {
      heard = true;
      options.onText?.(delta);
    };
    const { inputTokens, outputTokens, ...rest } = await this.#ask(
      options,
      (provider, signal, alive) => provider.ask({ model, request: asked, signal, onText, alive }),
      // What was passed on can't be taken back.
      () => !heard,
    );
    return { ...rest, usage: this.#usage({ inputTokens, outputTokens }), model: this.name };
  }

  async embed(texts: readonly string[], options: Omit<ModelOptions, "onText"> = {}): Promise<number[][]> {
    this.#expect("Embedding");
    if (texts.length > MAX_TEXTS)
      throw new DriverError(
        "InvalidInput",
        `${texts.length} texts: a model takes at most ${MAX_TEXTS} at once`,
      );
    if (texts.length === 0) return [];
    const { vectors } = await this.#ask(options, async (provider, signal) => {
      const answer = await provider.embed(texts, signal);
      return { ...answer, outputTokens: 0 };
    });
    if (vectors.length !== texts.length)
      throw new DriverError(
        "InvalidOutput",
        `model "${this.name}" gave ${vectors.length} vectors for ${texts.length} texts`,
      );
    return vectors;
  }

  #expect(kind: ModelFile["kind"]): void {
    if (this.info.kind !== kind)
      throw new DriverError(
        "InvalidConfig",
        `model "${this.name}" is of kind ${this.info.kind}, and ${kind} is asked for`,
      );
  }

  async #ask<T extends { inputTokens: number; outputTokens: number }>(
    { signal, userId }: ModelOptions,
    work: Work<T>,
    mayRepeat: () => boolean = () => true,
  ): Promise<T> {
    const { limits, metrics } = this.#parts;
    await limits.admit(this.info, userId);
    const began = performance.now();
    try {
      const answer = await this.#attempts(signal, work, mayRepeat);
      metrics.modelRequests.inc({ model: this.name, outcome: "Answered" });
      await this.#account(answer, userId);
      return answer;
    } catch (error) {
      const outcome = error instanceof DriverError ? error.code : "Failed";
      metrics.modelRequests.inc({ model: this.name, outcome });
      throw error;
    } finally {
      metrics.modelSeconds.observe({ model: this.name }, (performance.now() - began) / 1e3);
    }
  }

  async #attempts<T>(signal: AbortSignal | undefined, work: Work<T>, mayRepeat: () => boolean): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const { provider, failureOf } = await this.#open();
      const watch = new Watch(this.name, this.info.timeoutSeconds * 1e3, signal);
      try {
        return await work(provider, watch.signal, () => watch.alive());
      } catch (thrown) {
        const failure = failureOf(this.name, watch.over ?? thrown, this.#lastKey);
        const waitMs = failure.retryAfterMs ?? BACKOFF_MS * 2 ** (attempt - 1) * (0.5 + Math.random());
        const isLast = attempt >= ATTEMPTS || waitMs > MAX_PATIENCE_MS;
        if (!failure.isTransient || isLast || !mayRepeat()) throw failure.error;
        await delay(waitMs, undefined, signal ? { signal } : {}).catch(() => {
          throw givenUp(this.name, failure.error);
        });
      } finally {
        watch.end();
      }
    }
  }

  #open() {
    this.#provider ??= import("./provider.ts").then(({ Provider, failureOf }) => ({
      provider: new Provider(this.info, () => this.#key()),
      failureOf,
    }));
    return this.#provider;
  }

  async #key(): Promise<string> {
    const { keyFile } = this.#parts;
    if (keyFile === undefined) return "none";
    try {
      this.#lastKey = (await readFile(keyFile, "utf8")).trim();
      return this.#lastKey;
    } catch (cause) {
      throw new DriverError("InvalidConfig", `the key of model "${this.name}" can't be read`, { cause });
    }
  }

  #usage(tokens: { inputTokens: number; outputTokens: number }): Usage {
    const dollars = costOf(this.info, tokens);
    return { ...tokens, ...(dollars !== undefined && { dollars }) };
  }

  /** Never rejects: the answer is paid for, and would be asked for again. */
  async #account(tokens: { inputTokens: number; outputTokens: number }, userId: string | undefined) {
    const { metrics, limits, log } = this.#parts;
    const usage = this.#usage(tokens);
    const labels = { model: this.name };
    metrics.modelTokens.inc({ ...labels, direction: "In" }, usage.inputTokens);
    metrics.modelTokens.inc({ ...labels, direction: "Out" }, usage.outputTokens);
    if (usage.dollars !== undefined) metrics.modelDollars.inc(labels, usage.dollars);
    await limits
      .record(this.info, userId, usage)
      .catch((err: unknown) =>
        log.warn({ ...labels, err }, "what a model used is not in the counts of its limits"),
      );
  }
}

const givenUp = (model: string, cause: unknown) =>
  new DriverError("Closed", `the request to model "${model}" was given up`, { cause });

/** Gives up what shows no sign of life, and what nobody waits for any more. */
class Watch {
  readonly #model: string;
  readonly #outer: AbortSignal | undefined;
  readonly #abort = new AbortController();
  readonly signal: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  #silence: DriverError | undefined;

  constructor(model: string, timeoutMs: number, outer: AbortSignal | undefined) {
    this.#model = model;
    this.#outer = outer;
    this.signal = outer ? AbortSignal.any([outer, this.#abort.signal]) : this.#abort.signal;
    this.#timer = setTimeout(() => {
      this.#silence = new DriverError("Timeout", `model "${model}" was silent for ${timeoutMs / 1e3} s`);
      this.#abort.abort(this.#silence);
    }, timeoutMs);
  }

  alive(): void {
    this.#timer.refresh();
  }

  /** Why it was given up, however the client ends then: a stream just breaks off. */
  get over(): DriverError | undefined {
    if (this.#silence || !this.#outer?.aborted) return this.#silence;
    return givenUp(this.#model, this.#outer.reason);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
