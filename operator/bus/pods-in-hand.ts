import { createInbox } from "@nats-io/transport-node";
import { PodInHand, subjects } from "@vextir/api";
import type { DriverIdentity } from "./authority.ts";
import { type BusEndpoint, connectOnce } from "./bus-connection.ts";
import type { Realm } from "./realm.ts";

/** Asks a driver's pods what they have in hand. */
export interface PodsInHand {
  /** What the pods said that answered in time, by pod; `expected` answers end the waiting. @throws BusError */
  ask(driver: DriverIdentity, expected: number): Promise<ReadonlyMap<string, PodInHand>>;
}

const ANSWER_MS = 1_000;

/**
 * Within the driver's own account: nobody else hears the question, and a driver that answers falsely lies about itself alone. A
 * connection for each question: they are rare.
 */
export class NatsPodsInHand implements PodsInHand {
  readonly #endpoint: BusEndpoint & { realm: Realm };

  constructor(endpoint: BusEndpoint & { realm: Realm }) {
    this.#endpoint = endpoint;
  }

  async ask(driver: DriverIdentity, expected: number): Promise<ReadonlyMap<string, PodInHand>> {
    const { realm } = this.#endpoint;
    const user = () => realm.inHandUser(realm.driverAccount(driver.uid));
    const what = `the account of ${driver.namespace}/${driver.name}`;
    const connection = await connectOnce(this.#endpoint, "vextir-in-hand", user, what);
    try {
      const found = new Map<string, PodInHand>();
      const all = Promise.withResolvers<void>();
      const inbox = createInbox();
      connection.subscribe(inbox, {
        callback: (error, message) => {
          const answer = error ? undefined : readAnswer(message.data);
          // Nobody listens: the server's own word, without content.
          if (!error && message.headers?.code === 503) return all.resolve();
          if (answer) found.set(answer.pod, answer);
          if (found.size >= expected) all.resolve();
        },
      });
      connection.publish(subjects.inHand, "", { reply: inbox });
      const timer = setTimeout(all.resolve, ANSWER_MS);
      await all.promise.finally(() => clearTimeout(timer));
      return found;
    } finally {
      await connection.close();
    }
  }
}

function readAnswer(body: Uint8Array): PodInHand | undefined {
  try {
    return PodInHand.parse(JSON.parse(Buffer.from(body).toString("utf8")));
  } catch {
    return undefined;
  }
}
