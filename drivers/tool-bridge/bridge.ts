import { setTimeout as delay } from "node:timers/promises";
import {
  type CallContext,
  DriverError,
  type OfferedTool,
  type ToolServerReport,
} from "@vextir/driver-runtime";
import { type BridgedTool, catalogueOf } from "./catalogue.ts";
import type { Config } from "./config.ts";
import { type Failure, failureOf } from "./failure.ts";
import { resultValue } from "./result.ts";
import { type ServerResult, Session } from "./session.ts";

export interface BridgeOptions {
  config: Config;
  /** As its file is now; undefined: the server wants none. */
  credential: () => Promise<string | undefined>;
  /** The server's tools are these now. */
  offer: (tools: readonly OfferedTool[]) => void;
  /** Told after each look at the server. */
  looked: (report: ToolServerReport) => void;
  /** Told what became of each call: `Succeeded`, or an error's code. */
  called: (outcome: string) => void;
  signal: AbortSignal;
}

/** A list that nobody says has changed is asked for again after this. */
const RENEW_MS = 60_000;
/** After a failure: at once, then ever later. */
const RETRY_MS = { first: 1_000, last: 30_000 };
/** Between two looks, however often the server says that there is news. */
const PAUSE_MS = 1_000;

/**
 * Stands for an MCP server: connects when it is needed, and again after a fault; keeps the list of its tools up to date; passes calls on. While the
 * server is away its tools stay, and calls of them fail with what is wrong.
 */
export class Bridge {
  readonly #options: BridgeOptions;
  #session: Session | undefined;
  #opening: Promise<Session> | undefined;
  #secret: string | undefined;
  #news = Promise.withResolvers<void>();
  #report: ToolServerReport = { state: "NotAskedYet", tools: [], leftOut: [] };

  constructor(options: BridgeOptions) {
    this.#options = options;
  }

  get report(): ToolServerReport {
    return this.#report;
  }

  /** Looks at the server until aborted; `looked` is told of it. Never rejects. */
  async follow(): Promise<void> {
    const { signal } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      this.#news = Promise.withResolvers();
      failures = (await this.#look()) ? 0 : failures + 1;
      const waitMs =
        failures === 0 ? RENEW_MS : Math.min(RETRY_MS.last, RETRY_MS.first * 2 ** Math.min(10, failures - 1));
      await this.#untilNews(waitMs);
    }
    await this.#opening?.catch(() => {});
    await this.#drop(this.#session);
  }

  /** A call of one tool. @throws DriverError */
  async call(tool: BridgedTool, input: unknown, { signal, deadline }: CallContext): Promise<unknown> {
    const { config, called } = this.#options;
    try {
      const given = argumentsOf(input);
      const timeoutMs = Math.max(1, Math.min(config.timeoutSeconds * 1_000, deadline - Date.now()));
      const value = resultValue(await this.#passedOn(tool.name, given, { timeoutMs, signal }));
      called("Succeeded");
      return value;
    } catch (error) {
      called(error instanceof DriverError ? error.code : "Unknown");
      throw error;
    }
  }

  async #passedOn(...call: Parameters<Session["call"]>): Promise<ServerResult> {
    for (let attempt = 1; ; attempt++) {
      let session: Session | undefined;
      try {
        session = await this.#connected();
        return await session.call(...call);
      } catch (error) {
        call[2].signal.throwIfAborted();
        const failure = failureOf(error, this.#secret);
        if (failure.concerns === "Session") await this.#drop(session);
        // The server has forgotten the session, so it has done nothing.
        if (failure.concerns === "Session" && attempt === 1) continue;
        this.#note(failure);
        throw new DriverError(failure.code, `${failure.code}: ${failure.message}`, { cause: error });
      }
    }
  }

  /** Where the server itself may have a fault, it is looked at. */
  #note({ code, concerns }: Failure): void {
    if (concerns !== "Call" || code === "NotFound" || code === "InvalidInput") this.#news.resolve();
  }

  /** Whether the server could be asked. */
  async #look(): Promise<boolean> {
    const { offer, looked, config } = this.#options;
    try {
      const session = await this.#connected();
      const { tools: listed, complete } = await this.#listed(session);
      const { tools, leftOut } = catalogueOf(listed, config, complete);
      offer(tools.map((tool) => this.#offered(tool)));
      const { server } = session;
      const { lastError } = this.#report;
      this.#report = {
        state: "Reachable",
        ...(server && { server: { name: shortened(server.name), version: shortened(server.version) } }),
        tools: tools.map(({ method }) => method),
        leftOut,
        ...(lastError && { lastError }),
      };
    } catch (error) {
      if (this.#options.signal.aborted) return false;
      const { message } = failureOf(error, this.#secret);
      const known = this.#report.lastError;
      // The same fault as before is no news.
      const isKnown = this.#report.state === "Unreachable" && known?.message === message;
      const lastError = isKnown ? known : { message, at: new Date().toISOString() };
      this.#report = { ...this.#report, state: "Unreachable", lastError };
    }
    looked(this.#report);
    return this.#report.state === "Reachable";
  }

  async #listed(session: Session) {
    try {
      return await session.list();
    } catch (error) {
      // It may be this connection alone.
      await this.#drop(session);
      throw error;
    }
  }

  #offered(tool: BridgedTool): OfferedTool {
    const { method: name, description, input } = tool;
    return { name, description, input, call: (given, context) => this.call(tool, given, context) };
  }

  /** One connection for all, opened once for whoever waits for it. @throws what keeps it. */
  async #connected(): Promise<Session> {
    if (this.#session && !this.#session.isOver) return this.#session;
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #open(): Promise<Session> {
    const { config, signal } = this.#options;
    this.#secret = await this.#options.credential();
    const listChanged = () => this.#news.resolve();
    this.#session = await Session.open({ config, credential: () => this.#proof(), listChanged, signal });
    return this.#session;
  }

  async #proof(): Promise<[string, string] | undefined> {
    const { scheme, header } = this.#options.config;
    this.#secret = await this.#options.credential();
    if (this.#secret === undefined) return undefined;
    return [header, scheme === "" ? this.#secret : `${scheme} ${this.#secret}`];
  }

  /** It is not used any more. */
  async #drop(session: Session | undefined): Promise<void> {
    if (this.#session === session) this.#session = undefined;
    await session?.close();
  }

  async #untilNews(waitMs: number): Promise<void> {
    const { signal } = this.#options;
    const done = new AbortController();
    const until = AbortSignal.any([signal, done.signal]);
    const time = delay(waitMs, undefined, { signal: until }).catch(() => {});
    await Promise.race([time, this.#news.promise]);
    done.abort();
    await delay(PAUSE_MS, undefined, { signal }).catch(() => {});
  }
}

const shortened = (text: string) => text.slice(0, 200);

/** @throws DriverError `InvalidInput` */
function argumentsOf(input: unknown): Record<string, unknown> {
  if (input === undefined || input === null) return {};
  if (typeof input === "object" && !Array.isArray(input)) return input as Record<string, unknown>;
  throw new DriverError("InvalidInput", "InvalidInput: the argument of a tool of an MCP server is an object");
}
