import { ABOUT_METHOD, About, type Call, DriverError } from "@vextir/driver-runtime";

export interface PartHealth {
  status: "ok" | "away" | "notReady" | "notGranted";
  latencyMs?: number;
}

export interface SystemHealth {
  status: "ok" | "degraded";
  bus: PartHealth;
  /** Absent: this gateway was given none. */
  hub?: PartHealth;
  drivers: Record<string, PartHealth>;
}

const Readiness = About.pick({ ready: true });
const ANSWER_MS = 2_000;
/** However often it is asked, the drivers are asked no more often. */
const FRESH_MS = 5_000;
/** A driver that answers so is there. */
const ANSWERS = new Set(["InvalidInput", "NotFound", "CallFailed", "InvalidOutput", "TooLarge"]);

export interface DriversHealthOptions {
  /** Whether the bus answers. */
  bus: () => Promise<boolean>;
  /** Whether the context hub answers; undefined: there is none. */
  hub: () => Promise<boolean | undefined>;
  call: Call;
  /** `<driver>.<method>`, each called with its input: one that does nothing but answer. */
  methods: ReadonlyMap<string, unknown>;
  now?: () => number;
}

/** How the system does, as the gateway sees it: the bus, and the drivers that it may call. */
export class DriversHealth {
  readonly #options: DriversHealthOptions;
  readonly #now: () => number;
  #asking: Promise<SystemHealth> | undefined;
  #known: { health: SystemHealth; atMs: number } | undefined;

  constructor(options: DriversHealthOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  async health(): Promise<SystemHealth> {
    if (this.#known && this.#now() - this.#known.atMs < FRESH_MS) return this.#known.health;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #ask(): Promise<SystemHealth> {
    const { methods } = this.#options;
    const [bus, hub, answers] = await Promise.all([
      this.#timed(async () => ((await this.#options.bus()) ? "ok" : "away")),
      this.#hub(),
      Promise.all(
        [...methods].map(
          async ([method, input]): Promise<[string, PartHealth]> => [
            method.split(".")[0] ?? "",
            await this.#timed(() => this.#driver(method, input)),
          ],
        ),
      ),
    ]);
    const drivers = Object.fromEntries(answers);
    const ill = [bus, ...(hub ? [hub] : []), ...Object.values(drivers)].some(
      ({ status }) => status === "away" || status === "notReady",
    );
    const status = ill ? "degraded" : "ok";
    const health: SystemHealth = { status, bus, ...(hub && { hub }), drivers };
    this.#known = { health, atMs: this.#now() };
    return health;
  }

  /** Undefined: there is none. */
  async #hub(): Promise<PartHealth | undefined> {
    let isThere = true;
    const health = await this.#timed(async () => {
      const answer = await this.#options.hub().catch(() => false);
      isThere = answer !== undefined;
      return answer ? "ok" : "away";
    });
    return isThere ? health : undefined;
  }

  async #timed(ask: () => Promise<PartHealth["status"]>): Promise<PartHealth> {
    const began = performance.now();
    const status = await ask();
    return status === "ok"
      ? { status, latencyMs: Math.round((performance.now() - began) * 10) / 10 }
      : { status };
  }

  async #driver(method: string, input: unknown): Promise<PartHealth["status"]> {
    try {
      const answer = await this.#options.call(method, input, { timeoutMs: ANSWER_MS });
      return method.endsWith(`.${ABOUT_METHOD}`) && Readiness.safeParse(answer).data?.ready === false
        ? "notReady"
        : "ok";
    } catch (error) {
      if (!(error instanceof DriverError)) return "away";
      if (error.code === "NotGranted") return "notGranted";
      return ANSWERS.has(error.code) ? "ok" : "away";
    }
  }
}
