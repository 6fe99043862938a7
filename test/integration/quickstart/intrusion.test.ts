import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { ask } from "./client.ts";
import { Quickstart, specOf } from "./system.ts";
import { sentByAssistant, targets } from "./targets.ts";

interface Attempt {
  attempt: string;
  target: string;
  outcome: "refused" | "succeeded" | "silent" | "sent" | "unanswered";
  refused: boolean;
  error?: string;
}

let quickstart: Quickstart;
beforeAll(async () => {
  quickstart = await Quickstart.start();
  await ask(quickstart.url, "chat.message.received", { text: "What time is it in Tokyo?" });
});
afterAll(() => quickstart?.stop());

/** Has the intruder try everything, and answers its report. */
async function intrude(): Promise<Attempt[]> {
  const { complete, events } = await ask(quickstart.url, "demo.intrusion.requested", {});
  const [report] = events;
  expect([complete, events.length, report?.publisher]).toEqual([true, 1, "intruder"]);
  return report?.data?.["attempts"] as Attempt[];
}

/** The assistant answers one message after the other until the work is done. */
async function whileOthersTalk<T>(work: () => Promise<T>): Promise<T> {
  let done = false;
  const talk = async () => {
    while (!done) await ask(quickstart.url, "chat.message.received", { text: "convert 1 m to cm" });
  };
  const talking = talk();
  const result = await work().finally(() => {
    done = true;
  });
  await talking;
  return result;
}

const outcomes = (attempts: readonly Attempt[]) => Map.groupBy(attempts, ({ outcome }) => outcome);
const of = (attempts: readonly Attempt[], attempt: string) =>
  attempts.filter((one) => one.attempt === attempt).map(({ outcome }) => outcome);

describe("the intruder", () => {
  test("is refused by the server whatever it asks for, and nothing of others has changed", async () => {
    const before = await targets(quickstart);
    const attempts = await intrude();
    // What the first round set in motion is done before the second one ends.
    await intrude();
    const { refused = [], silent = [], sent = [] } = Object.fromEntries(outcomes(attempts));
    expect(attempts.filter(({ outcome }) => !["refused", "silent", "sent"].includes(outcome))).toEqual([]);
    expect([refused.length, silent.length, sent.length]).toEqual([26, 5, 24]);
    for (const { refused: yes, error } of refused)
      expect([yes, error]).toEqual([true, expect.stringMatching(/no responders|not enabled/)]);
    expect(await targets(quickstart)).toEqual(before);
  });

  test("hears nothing while the others talk", async () => {
    const before = await sentByAssistant(quickstart.bus);
    const attempts = await whileOthersTalk(intrude);
    expect(attempts.filter(({ outcome }) => outcome === "silent")).toHaveLength(5);
    expect(attempts.filter(({ outcome }) => outcome === "succeeded")).toEqual([]);
    expect(await sentByAssistant(quickstart.bus)).toBeGreaterThan(before + 1);
  });
});

describe("the same attempt with the grant succeeds", () => {
  test("in the intruder's own hands, on its open connection", async () => {
    const spec = await specOf("intruder");
    const { publish } = spec.capabilities;
    const granted = {
      ...spec.capabilities,
      publish: [...publish, "chat.message.sent"],
      call: ["toolbox.time"],
      observe: [">"],
    };
    await quickstart.bus.driver("intruder", { ...spec, capabilities: granted });
    try {
      const attempts = await whileOthersTalk(intrude);
      expect(of(attempts, "observe all events")).toEqual(["succeeded"]);
      expect(of(attempts, "publish a type that is not granted")).toEqual(["succeeded"]);
      expect(of(attempts, "call a tool that is not granted")).toEqual(["succeeded"]);
      expect(of(attempts, "publish as the assistant")).toEqual(["refused"]);
      expect(of(attempts, "call a tool as the assistant")).toEqual(["refused"]);
    } finally {
      await quickstart.bus.driver("intruder", spec);
    }
    const attempts = await intrude();
    expect(outcomes(attempts).get("succeeded") ?? []).toEqual([]);
  });

  const asked = async (connection: NatsConnection, subject: string, payload = "") => {
    const answer = await connection.request(subject, payload, { timeout: 5_000 });
    return [answer.headers?.code ?? 0, answer.string()] as const;
  };

  test.each([
    {
      driver: "assistant",
      subject: "evt.assistant.0.chat.message.sent",
      payload: "{}",
      answer: '"stream":"EVENTS"',
    },
    {
      driver: "assistant",
      subject: "dlq.assistant.chat.message.received",
      payload: "x",
      answer: '"stream":"DEADLETTERS"',
    },
    {
      driver: "assistant",
      subject: "BUS.API.CONSUMER.INFO.EVENTS.assistant_default",
      payload: "",
      answer: '"name":"assistant_default"',
    },
    {
      driver: "assistant",
      subject: "call.toolbox.time.assistant",
      payload: '{"zone":"UTC"}',
      answer: '"zone":"UTC"',
    },
    {
      driver: "gateway",
      subject: "BUS.API.DIRECT.GET.KV_gateway.$KV.gateway.identity.secret",
      payload: "",
      answer: '"',
    },
    { driver: "gateway", subject: "$KV.gateway.other", payload: '"forged"', answer: '"stream":"KV_gateway"' },
  ])("by $driver: $subject", async ({ driver, subject, payload, answer }) => {
    const connection = await quickstart.bus.connect({ name: driver });
    try {
      expect(await asked(connection, subject, payload)).toEqual([0, expect.stringContaining(answer)]);
    } finally {
      await connection.close();
    }
  });

  test.each([
    { subject: "$JS.API.STREAM.MSG.GET.EVENTS", payload: '{"seq":1}', answer: '"message"' },
    {
      subject: "$JS.API.CONSUMER.CREATE.EVENTS.probe",
      payload:
        '{"stream_name":"EVENTS","config":{"name":"probe","durable_name":"probe","ack_policy":"explicit"}}',
      answer: '"name":"probe"',
    },
    { subject: "$JS.API.CONSUMER.DELETE.EVENTS.probe", payload: "", answer: '"success":true' },
    {
      subject: "$JS.API.STREAM.CREATE.STOLEN",
      payload: '{"name":"STOLEN","subjects":["call.>"],"max_bytes":1024}',
      answer: '"did_create":true',
    },
    { subject: "$JS.API.STREAM.DELETE.STOLEN", payload: "", answer: '"success":true' },
  ])("by the bus account: $subject", async ({ subject, payload, answer }) => {
    const { connection } = await quickstart.bus.admin();
    try {
      expect(await asked(connection, subject, payload)).toEqual([0, expect.stringContaining(answer)]);
    } finally {
      await connection.close();
    }
  });

  test("a redirected answer arrives where account borders don't stop it: inside the bus account it forges an event", async () => {
    const { connection, jetstream } = await quickstart.bus.admin();
    try {
      const before = await sentByAssistant(quickstart.bus);
      await connection.request("$KV.intruder.forged", "{}", { headers: headers(), timeout: 5_000 });
      const question = "$JS.API.DIRECT.GET.KV_intruder.$KV.intruder.forged";
      connection.publish(question, "", { reply: "evt.assistant.0.chat.message.sent" });
      while ((await sentByAssistant(quickstart.bus)) === before) await connection.flush();
      const { state } = await jetstream.streams.info("EVENTS");
      const forged = await jetstream.streams.getMessage("EVENTS", { seq: state.last_seq });
      expect(forged?.subject).toBe("evt.assistant.0.chat.message.sent");
    } finally {
      await connection.close();
    }
  });
});
