import type { DriverFile } from "@vextir/api";
import { DriverError } from "../errors.ts";
import type { HubAddress, HubConnection } from "./connection.ts";
import type { Behalf, ContextHub } from "./hub.ts";

export interface ContextParts {
  file: Pick<DriverFile, "name" | "capabilities">;
  /** Undefined: there is no hub here. */
  address: HubAddress | undefined;
}

/** The event's extension that holds the gateway's signed word of its user. */
export const ASSERTION_EXTENSION = "userassertion";

const REACHABLE_MS = 1_000;

type Verb = DriverFile["capabilities"]["context"][number]["verbs"][number];

/**
 * The hub on behalf of somebody. What speaks gRPC is loaded by the first call: a driver without the capability pays nothing for it,
 * and one that has it nothing at its start.
 */
export class ContextAccess {
  readonly #parts: ContextParts;
  #connection: Promise<HubConnection> | undefined;

  constructor(parts: ContextParts) {
    this.#parts = parts;
  }

  on(behalf: Behalf): ContextHub {
    const hub = async (verb: Verb) => {
      const connection = this.#open(verb);
      const { hubClient } = await import("./client.ts");
      return hubClient(await connection, behalf);
    };
    return {
      may: (verb) => this.#may(verb),
      reachable: async () => {
        const { address } = this.#parts;
        return address && (await this.#connect(address)).reachable(REACHABLE_MS);
      },
      initUser: async (...given) => (await hub("write")).initUser(...given),
      search: async (...given) => (await hub("search")).search(...given),
      get: async (...given) => (await hub("read")).get(...given),
      list: async (...given) => (await hub("read")).list(...given),
      history: async (...given) => (await hub("read")).history(...given),
      create: async (...given) => (await hub("write")).create(...given),
      update: async (...given) => (await hub("write")).update(...given),
      delete: async (...given) => (await hub("write")).delete(...given),
      async *synthesize(...given) {
        yield* (await hub("synthesize")).synthesize(...given);
      },
      async *watch(...given) {
        yield* (await hub("read")).watch(...given);
      },
    };
  }

  /** @throws DriverError `NotGranted`, `Unavailable` */
  #open(verb: Verb): Promise<HubConnection> {
    const { file, address } = this.#parts;
    if (!this.#may(verb))
      throw new DriverError(
        "NotGranted",
        `driver "${file.name}" may not ${verb} in the context hub: its Driver object would have to grant it with spec.capabilities.context: [{collection: <name>, verbs: [${verb}]}]`,
      );
    if (!address)
      throw new DriverError(
        "Unavailable",
        `driver "${file.name}" was given no address of the context hub (VEXTIR_HUB_URL): this installation has none`,
      );
    return this.#connect(address);
  }

  #may(verb: Verb): boolean {
    return this.#parts.file.capabilities.context.some(({ verbs }) => verbs.includes(verb));
  }

  #connect(address: HubAddress): Promise<HubConnection> {
    this.#connection ??= import("./connection.ts").then((module) => new module.HubConnection(address));
    return this.#connection;
  }
}
