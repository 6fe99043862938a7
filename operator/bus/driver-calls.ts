import { connect, headers, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { CALL_HEADERS, ERROR_HEADERS, subjects, type ToolCallResult } from "@vextir/api";
import { BusError } from "./authority.ts";
import { type BusEndpoint, connectionOptions } from "./bus-connection.ts";
import type { Realm } from "./realm.ts";

/** Who calls, as far as the callee is told. */
const CALLER = "vextir-cli";
const CALL_MS = 15_000;

/**
 * Calls the methods of one driver from within that driver's own account, for whoever has the realm's keys: no Driver has to be
 * granted anything for it.
 */
export class DriverCalls {
  readonly #connection: NatsConnection;
  readonly #driver: string;

  private constructor(connection: NatsConnection, driver: string) {
    this.#connection = connection;
    this.#driver = driver;
  }

  /** @throws BusError `Unavailable` when the bus does not let it in. */
  static async open(
    endpoint: BusEndpoint & { realm: Realm },
    driver: { name: string; uid: string },
  ): Promise<DriverCalls> {
    const { realm } = endpoint;
    const user = () => realm.tenantUser(realm.driverAccount(driver.uid));
    const options = { ...connectionOptions(endpoint, CALLER, user), maxReconnectAttempts: 5 };
    const connection = await connect(options).catch((cause) => {
      throw new BusError("Unavailable", `the bus at ${endpoint.servers[0]} does not answer`, { cause });
    });
    return new DriverCalls(connection, driver.name);
  }

  /** @throws BusError `Unavailable` when no driver answers, `Refused` with its words when it answers with an error. */
  async call<T>(method: string, input: object): Promise<T> {
    const { output, error } = resultOf(await this.#request(method, JSON.stringify(input), CALL_MS));
    if (error) throw new BusError("Refused", `${this.#driver}.${method}: ${error.message} (${error.code})`);
    return output as T;
  }

  /** What the method answers, be it an error. @throws BusError `Unavailable` when no driver answers. */
  async answer(method: string, input: unknown): Promise<ToolCallResult> {
    return resultOf(await this.#request(method, JSON.stringify(input) ?? "", CALL_MS));
  }

  /** What the driver says of the method, or of all. @throws BusError `Unavailable` */
  async describe(method: string, timeoutMs: number): Promise<ToolCallResult> {
    return resultOf(await this.#request(method, "", timeoutMs, true));
  }

  async #request(method: string, body: string, timeout: number, describes = false): Promise<Msg> {
    const set = headers();
    set.set(CALL_HEADERS.timeoutMs, String(timeout));
    if (describes) set.set(CALL_HEADERS.describe, "true");
    const subject = subjects.call(this.#driver, method, CALLER);
    try {
      return await this.#connection.request(subject, body, { timeout, headers: set });
    } catch (cause) {
      throw new BusError("Unavailable", `the driver ${this.#driver} does not answer: is it ready?`, {
        cause,
      });
    }
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

function resultOf(answer: Msg): ToolCallResult {
  const { headers, data } = answer;
  const code = headers?.get(ERROR_HEADERS.code);
  if (code)
    return { error: { code, message: decodeURIComponent(headers?.get(ERROR_HEADERS.message) ?? "") } };
  return data.length === 0 ? {} : { output: answer.json() };
}
