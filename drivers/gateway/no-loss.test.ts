import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type TestKit, testKit } from "@vextir/driver-runtime/testing";
import Gateway from "./index.ts";

const SENDERS = 16;

let kit: TestKit;
beforeAll(async () => {
  kit = await testKit(Gateway, {
    config: {
      auth: { anonymous: { publish: [">"] } },
      rateLimit: { address: { perSecond: 100_000 }, principal: { perSecond: 100_000 } },
    },
    capabilities: { publish: ["load.>"], state: true },
  });
});
afterAll(() => kit.stop());

/** Clients that send one event after the other, each once, until they are told to stop. */
class Load {
  readonly accepted = new Set<string>();
  readonly statuses = new Map<number, number>();
  readonly #url = `${(kit.driver as Gateway).address}/api/events`;
  readonly #running: Promise<unknown>;
  #changed = Promise.withResolvers<void>();
  #stopped = false;

  constructor() {
    this.#running = Promise.all(Array.from({ length: SENDERS }, (_, sender) => this.#send(sender)));
  }

  async #send(sender: number): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const id = `${sender}-${i}`;
      const response = await fetch(this.#url, {
        method: "POST",
        headers: { "content-type": "application/cloudevents+json" },
        body: JSON.stringify({ specversion: "1.0", id, source: "/load", type: "load.sent", data: { i } }),
      });
      await response.body?.cancel();
      if (response.status === 202) this.accepted.add(id);
      this.statuses.set(response.status, (this.statuses.get(response.status) ?? 0) + 1);
      const { resolve } = this.#changed;
      this.#changed = Promise.withResolvers();
      resolve();
    }
  }

  /** Resolves when so many more have been answered with this status. */
  async answered(status: number, more: number): Promise<void> {
    const count = () => this.statuses.get(status) ?? 0;
    for (const end = count() + more; count() < end; ) await this.#changed.promise;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}

/** How often each id is in the stream, as the server has it. */
async function storedIds(): Promise<Map<string, number>> {
  const ask = async <T>(subject: string, body = "") =>
    (await kit.connection.request(`$JS.API.STREAM.${subject}`, body)).json<T>();
  const { state } = await ask<{ state: { last_seq: number } }>("INFO.EVENTS");
  const times = new Map<string, number>();
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const { message } = await ask<{ message: { hdrs: string } }>("MSG.GET.EVENTS", JSON.stringify({ seq }));
    const id = /ce-id: (.*)\r\n/.exec(Buffer.from(message.hdrs, "base64").toString())?.[1] ?? "";
    times.set(id, (times.get(id) ?? 0) + 1);
  }
  return times;
}

test("whatever befalls the bus, what was accepted is stored, once", async () => {
  const load = new Load();
  await load.answered(202, 300);
  kit.server.signal("SIGSTOP");
  await load.answered(503, SENDERS);
  kit.server.signal("SIGCONT");
  await load.answered(202, 300);
  await kit.server.halt("SIGKILL");
  await load.answered(503, SENDERS);
  await kit.server.resume();
  await load.answered(202, 300);
  await load.stop();

  const stored = await storedIds();
  const lost = [...load.accepted].filter((id) => !stored.has(id));
  const twice = [...stored].filter(([, times]) => times > 1);
  console.info(
    `accepted ${load.accepted.size}, answered 503 ${load.statuses.get(503)}, stored ${stored.size}, lost ${lost.length}`,
  );
  expect([lost, twice]).toEqual([[], []]);
  expect([...load.statuses.keys()].sort()).toEqual([202, 503]);
});
