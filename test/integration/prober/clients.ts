import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

const SENDERS = 32;
const RETRY_MS = 25;
const ANSWER_MS = 10_000;
/** Each so-and-so-manieth event is sent once more after it was accepted, as by a client that did not hear the answer. */
const REPEATED = 10;

export const SOURCE = "/prober";
export const idOf = (n: number) => `probe-${n}`;

/** Clients of the gateway that send each event until it is accepted, whatever befalls the rest. */
export class Clients {
  readonly #count: number;
  readonly #url: () => string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: SENDERS });
  #next = 0;
  accepted = 0;
  /** Requests that brought no acceptance: refused, or without an answer. */
  failed = 0;
  /** Sent again after the acceptance. */
  repeated = 0;
  /** Of those, the ones that were known as such. */
  recognised = 0;
  /** Sent again because no answer came, and there already. */
  known = 0;

  /** `url`: where the gateway is now. */
  constructor(count: number, url: () => string) {
    this.#count = count;
    this.#url = url;
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: SENDERS }, () => this.#sender()));
    this.#agent.destroy();
  }

  async #sender(): Promise<void> {
    while (this.#next < this.#count) {
      const n = this.#next++;
      if (await this.#untilAccepted(n)) this.known++;
      this.accepted++;
      if (n % REPEATED !== 0) continue;
      this.repeated++;
      if (await this.#untilAccepted(n)) this.recognised++;
    }
  }

  /** @returns whether the bus had it already. */
  async #untilAccepted(n: number): Promise<boolean> {
    for (;;) {
      const answer = await this.#post(n).catch(() => undefined);
      if (answer?.status === 202) return answer.duplicate;
      this.failed++;
      await delay(RETRY_MS);
    }
  }

  #post(n: number): Promise<{ status: number; duplicate: boolean }> {
    const body = JSON.stringify({
      specversion: "1.0",
      id: idOf(n),
      source: SOURCE,
      type: "probe.sent",
      data: { n },
    });
    const headers = { "content-type": "application/cloudevents+json", "content-length": body.length };
    return new Promise((resolve, reject) => {
      const sending = request(this.#url(), { method: "POST", agent: this.#agent, headers }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, duplicate: text.includes('"duplicate":true') }),
        );
      });
      sending.setTimeout(ANSWER_MS, () => sending.destroy(new Error("no answer")));
      sending.on("error", reject);
      sending.end(body);
    });
  }
}
