import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DriverSpec } from "@vextir/api";
import type { ReportListener } from "@vextir/operator/bus/index.ts";
import { parse } from "yaml";
import { DriverProcess } from "../../fixtures/driver-process.ts";
import { startBus, type TestBus } from "../../fixtures/nats.ts";

const EXAMPLE = join(import.meta.dirname, "..", "..", "..", "examples", "quickstart");
/** Callees before their callers: an account imports from those that are there. */
const NAMES = ["toolbox", "gateway", "assistant", "intruder"] as const;
export type Name = (typeof NAMES)[number];

export const specOf = async (name: Name) =>
  DriverSpec.parse(parse(await readFile(join(EXAMPLE, `${name}.yaml`), "utf8")).spec);

/** The quickstart's four drivers, each in a process of its own, with accounts of exactly what their manifests grant. */
export class Quickstart {
  readonly bus: TestBus;
  readonly #processes = new Map<Name, DriverProcess>();
  #reports: ReportListener | undefined;

  private constructor(bus: TestBus) {
    this.bus = bus;
  }

  static async start(): Promise<Quickstart> {
    const quickstart = new Quickstart(await startBus());
    try {
      await quickstart.#start();
      return quickstart;
    } catch (error) {
      await quickstart.stop();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { bus } = this;
    this.#reports = bus.acceptReports();
    await this.#reports.ready();
    for (const name of NAMES) {
      const { class: driverClass, module, source, ports, ...spec } = await specOf(name);
      const process = await DriverProcess.start(bus, {
        name,
        class: driverClass,
        ...(module !== undefined && { module }),
        ...(source?.inline !== undefined && { source: source.inline }),
        config: spec.config,
        subscriptions: spec.subscriptions,
        capabilities: spec.capabilities,
        ports: ports.map((port) => port.name),
      });
      this.#processes.set(name, process);
      await process.ready();
    }
  }

  process(name: Name): DriverProcess {
    const process = this.#processes.get(name);
    if (!process) throw new Error(`${name} does not run`);
    return process;
  }

  get url(): string {
    return `http://127.0.0.1:${this.process("gateway").ports.get("http")}/api/events`;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.stop()));
    await this.#reports?.stop();
    await this.bus.stop();
  }
}
