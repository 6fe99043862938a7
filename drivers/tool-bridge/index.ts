import { setTimeout as delay } from "node:timers/promises";
import { driver, method, TOOL_SERVER_METHOD, ToolDriver, ToolServerReport } from "@vextir/driver-runtime";
import { Bridge } from "./bridge.ts";
import { Config } from "./config.ts";
import { bridgeMetrics } from "./metrics.ts";

export { Config } from "./config.ts";

/** Whoever asks early for tools remembers that there were none: so long the first look is waited for. */
const FIRST_LOOK_MS = 5_000;

/** Offers the tools of an MCP server as its own. */
@driver({
  name: "tool-bridge",
  version: "0.1.0",
  class: "Tool",
  description: "Offers the tools of an MCP server, and passes calls of them on.",
  config: Config,
  resources: { requests: { cpu: "10m", memory: "96Mi" } },
})
export default class ToolBridge extends ToolDriver<typeof Config> {
  #bridge: Bridge | undefined;
  #following: Promise<void> | undefined;

  override async start(): Promise<void> {
    const { config, log } = this;
    const { calls, reachable, tools } = bridgeMetrics(this.metrics);
    const looked = Promise.withResolvers<void>();
    let before = "";
    const bridge = new Bridge({
      config,
      credential: async () => (config.credential === undefined ? undefined : this.secret("credential")),
      offer: (offered) => this.offer(offered),
      looked: (report) => {
        const { state, lastError } = report;
        reachable.set(state === "Reachable" ? 1 : 0);
        tools.set(report.tools.length);
        const now = JSON.stringify([state, report.tools, state === "Unreachable" && lastError]);
        if (now !== before)
          log[state === "Reachable" ? "info" : "warn"](
            { url: config.url, ...report },
            "looked at the server",
          );
        before = now;
        looked.resolve();
      },
      called: (outcome) => calls.inc({ outcome }),
      signal: this.signal,
    });
    this.#bridge = bridge;
    this.#following = bridge.follow();
    await Promise.race([looked.promise, delay(FIRST_LOOK_MS, undefined, { ref: false })]);
  }

  override async stop(): Promise<void> {
    await this.#following;
  }

  /** How the server does: for the operator, who tells of it in the ToolServer's status. */
  @method({ name: TOOL_SERVER_METHOD, output: ToolServerReport })
  async server(): Promise<ToolServerReport> {
    return this.#bridge?.report ?? { state: "NotAskedYet", tools: [], leftOut: [] };
  }
}
