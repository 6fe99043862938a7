import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CallToolResultSchema,
  ListToolsResultSchema,
  ToolListChangedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { DriverError } from "@vextir/driver-runtime";
import type { Config } from "./config.ts";
import { isGarbage } from "./failure.ts";
import { type GuardedFetchOptions, guardedFetch } from "./guarded-fetch.ts";

export interface SessionOptions {
  config: Config;
  credential: GuardedFetchOptions["credential"];
  /** The server says that its tools are others now. */
  listChanged: () => void;
  /** Ends what is asked beside calls. */
  signal: AbortSignal;
}

export interface CallLimits {
  timeoutMs: number;
  signal: AbortSignal;
}

/** A tool as the server tells of it. */
export type ServerTool = Awaited<ReturnType<Session["list"]>>["tools"][number];
export type ServerResult = Awaited<ReturnType<Session["call"]>>;

const INFO = { name: "vextir-tool-bridge", version: "0.1.0" };
/** To connect, and for each page of the list. */
const ASK_MS = 15_000;
const MAX_PAGES = 50;
/** Of tools that are looked at at all. */
const MAX_LISTED = 2_000;
/** Beyond a call's own time, for the request that carries it. */
const MARGIN_MS = 5_000;

/** A connection to the server, from `initialize` to the first fault that ends it. Of no more use then: open another one. */
export class Session {
  readonly #client: Client;
  readonly #transport: StreamableHTTPClientTransport;
  readonly #signal: AbortSignal;
  #fault: Error | undefined;

  private constructor({ config, credential, listChanged, signal }: SessionOptions) {
    this.#signal = signal;
    this.#client = new Client(INFO);
    const fetch = guardedFetch({
      credential,
      maxBytes: config.maxAnswerBytes,
      maxMs: Math.max(ASK_MS, config.timeoutSeconds * 1_000) + MARGIN_MS,
      tooLarge: (error) => this.#end(error),
    });
    this.#transport = new StreamableHTTPClientTransport(new URL(config.url), { fetch });
    // An answer that can't be read is waited for to the end of its time otherwise.
    this.#client.onerror = (error) => {
      if (isGarbage(error))
        this.#end(
          new DriverError("InvalidOutput", "the server's answer is not what MCP says", { cause: error }),
        );
    };
    this.#client.setNotificationHandler(ToolListChangedNotificationSchema, () => listChanged());
  }

  /** @throws what kept it. */
  static async open(options: SessionOptions): Promise<Session> {
    const session = new Session(options);
    try {
      await session.#told(() =>
        // Its type leaves undefined out of optional members.
        session.#client.connect(session.#transport as Parameters<Client["connect"]>[0], session.#asking),
      );
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** What the server says that it is. */
  get server(): { name: string; version: string } | undefined {
    return this.#client.getServerVersion();
  }

  get isOver(): boolean {
    return this.#fault !== undefined;
  }

  get #asking() {
    return { timeout: ASK_MS, signal: this.#signal };
  }

  /** `complete`: there are no more than were looked at. */
  async list() {
    const tools = [];
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES && tools.length < MAX_LISTED; page++) {
      const params = cursor === undefined ? {} : { cursor };
      const answer = await this.#told(() =>
        this.#client.request({ method: "tools/list", params }, ListToolsResultSchema, this.#asking),
      );
      tools.push(...answer.tools);
      cursor = answer.nextCursor;
      if (cursor === undefined) return { tools, complete: true };
    }
    return { tools, complete: false };
  }

  /** Not by the client's `callTool`, which would compile the server's schemas into code. @throws what kept it. */
  call(name: string, input: Record<string, unknown>, { timeoutMs, signal }: CallLimits) {
    const params = { name, arguments: input };
    const limits = { timeout: timeoutMs, signal };
    return this.#told(() =>
      this.#client.request({ method: "tools/call", params }, CallToolResultSchema, limits),
    );
  }

  async close(): Promise<void> {
    this.#fault ??= new DriverError("Closed", "the connection was closed");
    await this.#client.close();
  }

  /** Whoever waits is told why, not that the connection is closed. */
  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw this.#fault ?? error;
    }
  }

  #end(fault: Error): void {
    if (this.#fault) return;
    this.#fault = fault;
    void this.#client.close();
  }
}
