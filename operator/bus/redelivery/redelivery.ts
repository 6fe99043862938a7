import { randomUUID } from "node:crypto";
import {
  CE_PREFIX,
  type DeadLetter,
  type DeadLetterDetail,
  type DeadLetterPage,
  type DeadLetterSelection,
  decodeValue,
  type LettersDone,
  MAX_SHOWN_BYTES,
  type RedriveRequest,
  type ReplayPage,
  type ReplayRequest,
} from "@vextir/api";
import { BusError } from "../authority.ts";
import type { BusEndpoint } from "../bus-connection.ts";
import type { PinnedIds } from "../pinned-ids.ts";
import type { Realm } from "../realm.ts";
import { type TenantAdmin, TenantConnections } from "../tenant-connections.ts";
import { eachLetter, letterAt, type StoredLetter } from "./letters.ts";
import { dropLetters, redriveLetters } from "./redrive.ts";
import { replayEvents } from "./replay.ts";

export interface RedeliveryOptions extends BusEndpoint {
  realm: Realm;
  pinned: PinnedIds;
}

/**
 * Dead letters and the history of tenants, for people who may: every request is bounded, and may be repeated. Throws `BusError`:
 * `Unavailable`, and `Invalid` for a namespace without a bus.
 */
export class Redelivery {
  readonly #options: RedeliveryOptions;
  readonly #connections: TenantConnections;

  constructor(options: RedeliveryOptions) {
    this.#options = options;
    this.#connections = new TenantConnections({ endpoint: options, realm: options.realm, maxOpen: 8 });
  }

  close(): void {
    this.#connections.stop();
  }

  /** Oldest first. */
  list(namespace: string, selection: DeadLetterSelection): Promise<DeadLetterPage> {
    return this.#use(namespace, "list dead letters", async (admin) => {
      const letters: DeadLetter[] = [];
      const next = await eachLetter(admin, selection, ({ letter }) => {
        letters.push(letter);
        return true;
      });
      return { letters, ...(next !== undefined && { next }) };
    });
  }

  /** Undefined: there is none. */
  show(namespace: string, sequence: number): Promise<DeadLetterDetail | undefined> {
    return this.#use(namespace, "show a dead letter", async (admin) => {
      const found = await letterAt(admin, sequence);
      return found && detailOf(found);
    });
  }

  redrive(namespace: string, request: RedriveRequest): Promise<LettersDone> {
    return this.#use(namespace, "redrive dead letters", (admin) =>
      redriveLetters(admin, request, randomUUID()),
    );
  }

  drop(namespace: string, selection: DeadLetterSelection): Promise<LettersDone> {
    return this.#use(namespace, "drop dead letters", (admin) => dropLetters(admin, selection));
  }

  /** Undefined: the driver has no subscription of events. */
  replay(namespace: string, driver: string, request: ReplayRequest): Promise<ReplayPage | undefined> {
    return this.#use(namespace, "replay events", (admin) => replayEvents(admin, driver, request));
  }

  async #use<T>(namespace: string, doing: string, work: (admin: TenantAdmin) => Promise<T>): Promise<T> {
    const account = await this.#options.pinned.get(namespace);
    if (!account) throw new BusError("Invalid", `namespace ${namespace} has no bus`);
    return this.#connections.use(account, `${doing} of ${namespace}`, work);
  }
}

function detailOf({ letter, values, payload }: StoredLetter): DeadLetterDetail {
  const attributes = [...values].flatMap(([name, value]) =>
    name.startsWith(CE_PREFIX) ? [[name.slice(CE_PREFIX.length), decodeValue(value)]] : [],
  );
  const about = { letter, attributes: Object.fromEntries(attributes) };
  if (payload.length === 0) return letter.cut ? { ...about, dataOmitted: true } : about;
  if (payload.length > MAX_SHOWN_BYTES) return { ...about, dataOmitted: true };
  try {
    return { ...about, data: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload)) };
  } catch {
    return { ...about, dataBase64: Buffer.from(payload).toString("base64") };
  }
}
