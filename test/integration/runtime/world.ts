import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUS_API_PREFIX, DriverFile } from "@vextir/api";
import { type Driver, manifestOf, type RunningDriver, runDriver } from "@vextir/driver-runtime";
import { type Logger, pino } from "pino";
import { type DriverInput, startBus, type TestBus } from "../../fixtures/nats.ts";

type Source = Parameters<typeof manifestOf>[0];

export interface RunInput extends DriverInput {
  /** What the pod is told that it may, where that is not what the bus was told. */
  told?: DriverInput["capabilities"];
  config?: Record<string, unknown>;
  /** Seconds that the pod's token is good for. */
  tokenLifetimeS?: number;
  file?: Partial<DriverFile>;
  log?: Logger;
  /** Default: true; else `running.ready` is awaited by whoever calls. */
  ready?: boolean;
}

export interface Run {
  running: RunningDriver;
  driver: Driver;
  tokenFile: string;
  url: string;
}

/** Runs drivers in this process as their pods would: by token, in accounts of their own, with exactly their grants. */
export class World {
  readonly bus: TestBus;
  readonly #folder: string;
  readonly #running: RunningDriver[] = [];
  readonly #ends: (() => Promise<unknown>)[] = [];

  private constructor(bus: TestBus, folder: string) {
    this.bus = bus;
    this.#folder = folder;
  }

  static async start(options?: { servers?: 1 | 3 }): Promise<World> {
    const world = new World(await startBus(options), await mkdtemp(join(tmpdir(), "vextir-runtime-")));
    const reports = world.bus.acceptReports();
    world.#ends.push(() => reports.stop());
    return world;
  }

  async run(source: Source, input: RunInput = {}): Promise<Run> {
    const { name, class: kind } = manifestOf(source);
    const access = await this.bus.driver(name, input);
    const tokenFile = join(this.#folder, `${name}-${this.#running.length}`);
    const lifetime = input.tokenLifetimeS === undefined ? {} : { lifetimeS: input.tokenLifetimeS };
    await writeFile(tokenFile, await this.bus.token(access, lifetime));
    const file = DriverFile.parse({
      name,
      namespace: access.namespace,
      class: kind,
      subscriptions: access.subscriptions,
      capabilities: input.told ?? access.capabilities,
      ...input.file,
    });
    const running = await runDriver(source, {
      file,
      config: input.config ?? {},
      busServers: this.bus.urls,
      busTokenFile: tokenFile,
      apiPrefix: BUS_API_PREFIX,
      pod: `${name}-0`,
      templateHash: "test",
      healthPort: 0,
      port: () => undefined,
      log: input.log ?? pino({ level: process.env["VEXTIR_LOG_LEVEL"] ?? "silent" }),
    });
    this.#running.push(running);
    if (input.ready !== false) await running.ready;
    return {
      running,
      tokenFile,
      url: `http://127.0.0.1:${running.healthPort}`,
      get driver() {
        if (!running.driver) throw new Error(`${name} has no instance yet`);
        return running.driver;
      },
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#running.map((running) => running.stop(0)));
    for (const end of this.#ends) await end();
    await this.bus.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

export const metric = async (url: string, line: string): Promise<number> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = text.split("\n").find((one) => one.startsWith(`${line} `));
  return found ? Number(found.slice(line.length)) : 0;
};
