import { connect, type Msg, type NatsConnection } from "@nats-io/transport-node";
import { ERROR_HEADERS, subjects } from "@vextir/api";
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
    const subject = subjects.call(this.#driver, method, CALLER);
    const answer = await this.#request(subject, JSON.stringify(input));
    const code = answer.headers?.get(ERROR_HEADERS.code);
    if (code)
      throw new BusError(
        "Refused",
        `${this.#driver}.${method}: ${decodeURIComponent(answer.headers?.get(ERROR_HEADERS.message) ?? "")} (${code})`,
      );
    return answer.json<T>();
  }

  async #request(subject: string, body: string): Promise<Msg> {
    try {
      return await this.#connection.request(subject, body, { timeout: CALL_MS });
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
