import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type TestKit, testKit } from "@vextir/driver-runtime/testing";
import Gateway from "./index.ts";
import { EventSource } from "./testing/event-source.ts";
import { PUSHES, SECRETS, signed } from "./testing/webhooks.ts";

let kit: TestKit;
beforeAll(async () => {
  kit = await testKit(Gateway, {
    config: {
      ...SECRETS,
      auth: { anonymous: { publish: [">"], read: [">"] } },
      observe: ["chat.>"],
      replies: { "chat.asked": "chat.answered" },
    },
    capabilities: { publish: ["chat.>", "repo.>"], observe: ["chat.>"], state: true },
    file: { maxEventBytes: 100_000 },
  });
});
afterAll(() => kit.stop());

const urlOf = (gateway: unknown) => `${(gateway as Gateway).address}/api/events`;
const event = (id: string, type = "chat.asked") => ({
  specversion: "1.0",
  id,
  source: "/me",
  type,
  data: { text: "hi" },
});

async function post(body: unknown, headers: Record<string, string> = {}, url = urlOf(kit.driver)) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/cloudevents+json", ...headers },
    body: JSON.stringify(body),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

/** Asks the server; what was asked while the kit's connection is still away gets no answer, and is asked again. */
async function askStream<T>(subject: string, body = ""): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return (await kit.connection.request(`$JS.API.STREAM.${subject}`, body)).json<T>();
    } catch (error) {
      if (attempt === 20) throw error;
    }
  }
}

/** How often an event of this id is in the stream, as the server has it: what the kit recorded may lag behind. */
async function storedTimes(id: string): Promise<number> {
  const { state } = await askStream<{ state: { last_seq: number } }>("INFO.EVENTS");
  let times = 0;
  for (let seq = 1; seq <= state.last_seq; seq++) {
    const stored = await askStream<{ message: { hdrs: string } }>("MSG.GET.EVENTS", JSON.stringify({ seq }));
    if (Buffer.from(stored.message.hdrs, "base64").toString().includes(`ce-id: ${id}\r\n`)) times++;
  }
  return times;
}

describe("on a real bus", () => {
  test("data that breaks its type's schema is refused, with the member and the schema", async () => {
    const answer = await post({ ...event("broken", "chat.message.received"), data: { text: "" } });
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({
      type: "urn:vextir:problem:InvalidData",
      field: "data.text",
      schema: "urn:vextir:event:chat.message.received:1",
    });
    const other = { ...event("other", "chat.message.received"), dataschema: "https://example.org/mine" };
    expect((await post(other)).body).toMatchObject({ field: "dataschema" });
    expect((await post(event("fine", "chat.message.received"))).status).toBe(202);
    expect(await storedTimes("broken")).toBe(0);
  });

  test("what is accepted is stored, under the gateway's name", async () => {
    const { status, body } = await post(event("stored"));
    const [stored] = (await kit.events("chat.asked")).filter(({ id }) => id === "stored");
    expect([status, body["id"]]).toEqual([202, "stored"]);
    expect(stored).toMatchObject({
      publisher: "gateway",
      source: "/me",
      correlationId: body["correlationid"],
      hops: 0,
      data: { text: "hi" },
    });
    expect(stored).not.toHaveProperty("causationId");
  });

  test("what is sent twice is stored once, by whichever replica it comes", async () => {
    const replica = await kit.replica();
    try {
      const first = await post(event("twice"));
      const second = await post(event("twice"), {}, urlOf(replica.driver));
      expect(second.body).toEqual({ ...first.body, duplicate: true });
      expect(await storedTimes("twice")).toBe(1);
    } finally {
      await replica.stop(0);
    }
  });

  test("a wait is answered with what followed, in order, by whom, and why", async () => {
    const answering = post(event("waits"), { prefer: "wait=10" });
    const asked = await (async () => {
      for (let count = 1; ; count++) {
        const found = (await kit.events("chat.asked", { count })).find(({ id }) => id === "waits");
        if (found) return found;
      }
    })();
    await kit.publish("chat.thought", { step: 1 }, { cause: asked, publisher: "thinker" });
    await kit.publish("chat.answered", { text: "other" }, { publisher: "thinker" });
    await kit.publish("chat.answered", { text: "hello" }, { cause: asked, publisher: "assistant" });
    const { status, headers, body } = await answering;
    expect([status, headers.get("preference-applied"), body["complete"]]).toEqual([200, "wait=10", true]);
    expect(body["events"]).toMatchObject([
      { type: "chat.thought", publisher: "thinker", causationid: "waits", hops: 1, data: { step: 1 } },
      {
        type: "chat.answered",
        publisher: "assistant",
        causationid: "waits",
        correlationid: body["correlationid"],
      },
    ]);
  });

  test("a webhook is stored once, and taken for the same a second time", async () => {
    const payload = JSON.stringify(PUSHES.github);
    const send = async () => {
      const response = await fetch(urlOf(kit.driver).replace("/api/events", "/webhooks/github"), {
        method: "POST",
        headers: signed("github", "push", payload),
        body: payload,
      });
      return [response.status, ((await response.json()) as { duplicate?: true }).duplicate];
    };
    expect([await send(), await send()]).toEqual([
      [202, undefined],
      [202, true],
    ]);
    expect(await kit.events("repo.pushed")).toMatchObject([
      { publisher: "gateway", source: "/webhooks/github" },
    ]);
  });

  test("what is observed is streamed", async () => {
    const source = await EventSource.open(urlOf(kit.driver).replace("/api/events", "/api/stream"));
    await source.take(1);
    await post(event("streamed"));
    expect((await source.take(1))[0]).toMatchObject({
      id: expect.stringMatching(/^[1-9]\d*-\d+$/),
      data: { id: "streamed", publisher: "gateway" },
    });
    await source.close();
  });

  test("a type that is not granted: 403, and nothing is stored", async () => {
    const { status, body } = await post(event("x", "mail.sent"));
    expect([status, body["type"], body["field"]]).toEqual([403, "urn:vextir:problem:NotGranted", "type"]);
    expect(body["detail"]).toContain("capabilities.publish");
  });

  test("what the bus does not take: 413", async () => {
    const { status } = await post({ ...event("big"), data: "x".repeat(100_000) });
    expect(status).toBe(413);
  });

  test("numbers keep their digits on their way", async () => {
    const response = await fetch(urlOf(kit.driver), {
      method: "POST",
      headers: {
        "ce-specversion": "1.0",
        "ce-id": "long",
        "ce-source": "/me",
        "ce-type": "chat.number",
        "content-type": "application/json",
      },
      body: '{"n":12345678901234567890}',
    });
    expect(response.status).toBe(202);
    await kit.events("chat.number");
    const message = await kit.driver.bus.connection.request(
      "$JS.API.STREAM.MSG.GET.EVENTS",
      '{"last_by_subj":"evt.gateway.*.chat.number"}',
    );
    const stored = message.json<{ message: { data: string } }>().message.data;
    expect(Buffer.from(stored, "base64").toString()).toBe('{"n":12345678901234567890}');
  });
});

test("while the bus is away: 503, never an acceptance; afterwards the same event goes through", async () => {
  await kit.server.halt("SIGKILL");
  const [away, health] = await Promise.all([
    post(event("away")),
    fetch(urlOf(kit.driver).replace("/api/events", "/healthz")),
  ]);
  expect([away.status, away.headers.get("retry-after"), health.status]).toEqual([503, "1", 503]);
  await kit.server.resume();
  for (let { status } = away; status !== 202; { status } = await post(event("away")))
    expect(status).toBe(503);
  expect(await storedTimes("away")).toBe(1);
});
