import { DriverProcess, type ProcessInput } from "../../fixtures/driver-process.ts";
import { LedgerWorld } from "../ledger/world.ts";

const GATEWAY: ProcessInput = {
  name: "gateway",
  class: "IO",
  module: "gateway",
  ports: ["http"],
  config: {
    auth: { anonymous: { publish: ["probe.sent"] } },
    rateLimit: {
      address: { perSecond: 100_000, burst: 100_000 },
      principal: { perSecond: 100_000, burst: 100_000 },
    },
  },
  capabilities: { publish: ["probe.sent"], state: true },
};

/** Does its work once per event, by what the runtime offers for that: it tells of each one that it has handled. */
const COUNTER: ProcessInput = {
  name: "counter",
  source: `
    import { defineDriver } from "@vextir/driver-runtime";
    export default defineDriver({
      name: "counter", version: "1.0.0", class: "Agent",
      capabilities: { publish: ["probe.done"], state: true },
      on: {
        "probe.sent": ({ data }, { once, publish }) =>
          once("probe." + data.n, (key) => publish("probe.done", data, { id: key, messageId: key })),
      },
    });`,
  subscriptions: [{ types: ["probe.sent"], delivery: { ackWait: "5s", maxDeliver: 100 } }],
  capabilities: { publish: ["probe.done"], state: true },
};

/** What can be killed. */
export type Part = "gateway" | "counter" | "ledger" | "bus" | "database";
export const PARTS: readonly Part[] = ["gateway", "counter", "ledger", "bus", "database"];

/** Everything that an event goes through, each a process of its own: gateway, nats-server, a driver, the ledger, PostgreSQL. */
export class ProberWorld {
  readonly ledger: LedgerWorld;
  #gateway: DriverProcess | undefined;
  #counter: DriverProcess | undefined;
  #url = "";

  private constructor(ledger: LedgerWorld) {
    this.ledger = ledger;
  }

  static async start(): Promise<ProberWorld> {
    const world = new ProberWorld(await LedgerWorld.start());
    try {
      const { bus } = world.ledger;
      await bus.tenant("team", { events: { maxBytes: "2Gi" }, state: { maxBytes: "1Gi" } });
      const ledger = await world.ledger.startLedger();
      await Promise.all([world.#startGateway(), world.#startCounter(), ledger.ready(60_000)]);
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  get url(): string {
    return this.#url;
  }

  async #startGateway(): Promise<void> {
    this.#gateway = await DriverProcess.start(this.ledger.bus, GATEWAY);
    await this.#gateway.ready(60_000);
    this.#url = `http://127.0.0.1:${this.#gateway.ports.get("http")}/api/events`;
  }

  async #startCounter(): Promise<void> {
    this.#counter = await DriverProcess.start(this.ledger.bus, COUNTER);
    await this.#counter.ready(60_000);
  }

  /** Kills it without a warning, and brings it back. */
  async crash(part: Part): Promise<void> {
    switch (part) {
      case "gateway":
        await this.#gateway?.stop("SIGKILL");
        return this.#startGateway();
      case "counter":
        await this.#counter?.stop("SIGKILL");
        return this.#startCounter();
      case "ledger":
        await this.ledger.ledger?.stop("SIGKILL");
        await (await this.ledger.startLedger()).ready(60_000);
        return;
      case "bus":
        return this.ledger.bus.restart("SIGKILL");
      case "database":
        await this.ledger.database.end("SIGQUIT");
        return this.ledger.database.run();
    }
  }

  async stop(): Promise<void> {
    await this.#gateway?.stop("SIGKILL");
    await this.#counter?.stop("SIGKILL");
    await this.ledger.stop();
  }
}
