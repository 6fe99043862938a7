import { eventually } from "../fixtures/eventually.ts";
import type { Gateway } from "./gateway.ts";

/** Publishes without a pause until told to stop; keeps what was acknowledged. */
export class Publisher {
  readonly acknowledged: string[] = [];
  failures = 0;
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(gateway: Gateway) {
    this.#done = this.publish(gateway);
  }

  private async publish(gateway: Gateway): Promise<void> {
    for (let n = 0; !this.#stopped; n++)
      await gateway.tell("chat.message.received", { text: `message ${n}` }).then(
        (id) => this.acknowledged.push(id),
        () => this.failures++,
      );
  }

  /** Waits until this many more were acknowledged. */
  async more(count: number): Promise<void> {
    const goal = this.acknowledged.length + count;
    await eventually(async () => this.acknowledged.length >= goal, `${count} more events acknowledged`);
  }

  async stop(): Promise<string[]> {
    this.#stopped = true;
    await this.#done;
    return this.acknowledged;
  }
}
