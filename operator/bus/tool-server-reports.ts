import { subjects, TOOL_SERVER_METHOD, ToolServerReport } from "@vextir/api";
import { BusError, type DriverIdentity } from "./authority.ts";
import { type BusEndpoint, connectOnce } from "./bus-connection.ts";
import { type Realm, TOOL_SERVER_ASKER } from "./realm.ts";

/** Asks the pods that stand for a server how it does. */
export interface ToolServerReports {
  /** @throws BusError `Unavailable` when none answers. */
  ask(driver: DriverIdentity): Promise<ToolServerReport>;
}

const ANSWER_MS = 5_000;

/** Within the driver's own account: who answers falsely lies about itself alone. A connection for each question: they are rare. */
export class NatsToolServerReports implements ToolServerReports {
  readonly #endpoint: BusEndpoint & { realm: Realm };

  constructor(endpoint: BusEndpoint & { realm: Realm }) {
    this.#endpoint = endpoint;
  }

  async ask({ namespace, name, uid }: DriverIdentity): Promise<ToolServerReport> {
    const { realm } = this.#endpoint;
    const user = () => realm.toolServerUser(realm.driverAccount(uid));
    const what = `the account of ${namespace}/${name}`;
    const connection = await connectOnce(this.#endpoint, "vextir-tool-server", user, what);
    try {
      const subject = subjects.call(name, TOOL_SERVER_METHOD, TOOL_SERVER_ASKER);
      const answer = await connection.request(subject, "{}", { timeout: ANSWER_MS });
      return ToolServerReport.parse(answer.json());
    } catch (cause) {
      throw new BusError("Unavailable", `the Driver ${namespace}/${name} does not answer as it should`, {
        cause,
      });
    } finally {
      await connection.close();
    }
  }
}
