import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { chatModel } from "@vextir/context-hub/models/provider.ts";
import ContextHubDriver from "@vextir/driver-context-hub";
import type { ContextHub, Event } from "@vextir/driver-runtime";
import { eventually } from "../../fixtures/eventually.ts";
import { ModelServer } from "../../fixtures/model-server.ts";
import { causedBy, type DriverWorld, driverWorld } from "./driver-world.ts";

interface Updated {
  documentId: string;
  userId: string;
  summary: string;
  text: string;
  model?: string;
  sources: string[];
}

const pace = { debounce: "1s", maxDelay: "5s" };
let world: DriverWorld;
let model: ModelServer;
/** Another driver, which speaks gRPC. */
let writer: ContextHub;

beforeAll(async () => {
  model = await ModelServer.start();
  model.failing = 503;
  world = await driverWorld(ContextHubDriver, {
    ...{ store: "PostgreSQL", name: "context-hub", collections: ["notes", "mail", "summaries"] },
    hub: { chat: chatModel({ endpoint: model.endpoint, model: "chat-1" }) },
    capabilities: { publish: ["context.>"], state: true },
    config: {
      hubSeconds: 1,
      summaries: [
        { name: "profile", collections: ["notes"], ...pace },
        { name: "digest", collections: ["mail"], ...pace, onChange: false, every: "1s", query: "What came?" },
      ],
    },
    delivery: { backoff: ["50ms"], maxDeliver: 100 },
  });
  writer = await world.as("writer", { eventId: "event-of-the-writer" });
});
afterAll(async () => {
  await world?.stop();
  await model?.stop();
});

const note = (content: string, user: string) => ({ collection: "notes", user, content });
const summariesOf = async (user: string) =>
  (await writer.list({ filter: { collections: ["summaries"], users: [user] } })).documents;
const told = async (user: string, holds: (one: Updated) => boolean = () => true): Promise<Event<Updated>> =>
  eventually(async () => {
    const all = (await world.kit.events("context.synthesis.updated", {
      timeoutMs: 60_000,
    })) as Event<Updated>[];
    return all.findLast(({ data }) => data.userId === user && holds(data));
  });
const ask = async (data: object, userId: string, type = "context.synthesis.requested") =>
  (await world.kit.publish(type, data, { userId, publisher: "gateway" })).id;

test("whoever writes, his documents' summary is made, of their own sentences where no model answers, and told with its cause", async () => {
  const { id: one } = await writer.create(note("Owls hunt at night.", "anna"));
  const { id: other } = await writer.create(note("Larks sing in the morning.", "anna"));
  const event = await told("anna", ({ sources }) => sources.length === 2);
  expect(event).toMatchObject({ causationId: "event-of-the-writer", userId: "anna" });
  expect(event.data.sources.toSorted()).toEqual([one, other].toSorted());
  expect(event.data.model).toBeUndefined();
  const [kept, ...others] = await summariesOf("anna");
  expect(others).toEqual([]);
  expect(kept).toMatchObject({ id: event.data.documentId, title: "profile", content: event.data.text });
  expect(kept?.content).toMatch(/Owls hunt at night\. \[\d\]/);
  expect(kept?.content).toMatch(/Larks sing in the morning\. \[\d\]/);
});

test("an event's document is the cause of the summary, with all that caused it", async () => {
  const id = await ask(note("Bats sleep by day.", "bert"), "bert", "context.document.create");
  const [first] = await causedBy(world.kit, id, "context.synthesis.updated");
  expect(first).toMatchObject({ correlationId: id, hops: 1, userId: "bert" });
  // The summary is not made of itself.
  expect(first?.data).toMatchObject({ sources: [expect.any(String)] });
});

test("several pods keep one summary, and none makes what another one made", async () => {
  const replica = await world.kit.replica();
  try {
    for (let i = 0; i < 20; i++) await writer.create(note(`Observation number ${i} of a fox.`, "carl"));
    await told("carl", ({ text }) => text.includes("fox"));
    const [kept] = await summariesOf("carl");
    const { revisions } = await writer.history(kept?.id ?? "");
    const made = revisions.map(({ metadata }) => metadata["basis"]);
    expect(made).toHaveLength(new Set(made).size);
    expect(await summariesOf("carl")).toHaveLength(1);
  } finally {
    await replica.stop(0);
  }
});

test("one that is asked for is made at once, as it is asked for, and answered", async () => {
  await writer.create(note("Foxes are red.", "dora"));
  await told("dora");
  model.failing = undefined;
  model.answer = ["Foxes, in French: ", "renards [1]."];
  const id = await ask({ summary: "profile", instruction: "In French." }, "dora");
  const [answer] = await causedBy(world.kit, id, "context.synthesis.completed");
  expect(answer?.data).toMatchObject({
    ...{ requestId: id, userId: "dora", summary: "profile", model: "chat-1" },
    ...{ text: "Foxes, in French: renards [1].", citations: [{ number: 1 }] },
  });
  const [updated] = await causedBy(world.kit, id, "context.synthesis.updated");
  expect(updated?.data).toMatchObject({ text: "Foxes, in French: renards [1].", model: "chat-1" });
  expect(model.asked.at(-1)?.body.messages?.[0]?.content).toContain("In French.");
  expect(await summariesOf("dora")).toMatchObject([{ content: "Foxes, in French: renards [1]." }]);
  model.failing = 503;
});

test("of nothing no summary is made, and that is said", async () => {
  const id = await ask({ summary: "profile" }, "nobody");
  const [failed] = await causedBy(world.kit, id, "context.request.failed");
  expect(failed?.data).toMatchObject({ request: "context.synthesis.requested", error: { code: "NotFound" } });
});

test("by the clock one is made anew where documents changed, and only there", async () => {
  const mail = (content: string) => ({ collection: "mail", user: "emil", content });
  await writer.create(mail("The heating is repaired on Monday."));
  await ask({ summary: "digest" }, "emil");
  await told("emil", ({ summary }) => summary === "digest");
  await writer.create(mail("The chimney is swept on Friday."));
  const { data } = await told("emil", ({ text }) => text.includes("chimney"));
  expect(data).toMatchObject({ summary: "digest" });
  const unchanged = /vextir_context_summaries_total\{outcome="Unchanged"\} (\d+)/;
  const count = async () => Number(unchanged.exec(await world.kit.metrics())?.[1] ?? 0);
  const before = await count();
  await eventually(async () => (await count()) > before + 1);
  const history = await writer.history(data.documentId);
  expect(history.revisions).toHaveLength(2);
});

test("when the last document is gone its summary is gone too, and nothing of the user is remembered", async () => {
  const { id } = await writer.create(note("A secret.", "fritz"));
  const { data } = await told("fritz");
  await writer.delete(id);
  await eventually(async () => (await summariesOf("fritz")).length === 0);
  const users = async () => {
    const found: string[] = [];
    for await (const { value } of world.kit.driver.state.entries<{ user: string }>("summary.profile.>"))
      found.push(value.user);
    return found;
  };
  await eventually(async () => !(await users()).includes("fritz"));
  expect(await users()).toContain("anna");
  const gone = await world.kit.events("context.document.deleted", { timeoutMs: 60_000 });
  expect(gone.at(-1)?.data).toMatchObject({ documentId: data.documentId, userId: "fritz" });
});

test("while pods come and go none is lost", async () => {
  model.failing = undefined;
  model.answer = ["slow"];
  const replica = await world.kit.replica();
  for (let i = 0; i < 6; i++) await writer.create(note(`Of the heron number ${i}.`, `heron-${i}`));
  await replica.stop(0);
  for (let i = 0; i < 6; i++) await told(`heron-${i}`);
  model.failing = 503;
});

test("after the hub was away changes are followed again", async () => {
  await world.home.server?.end("SIGQUIT");
  await world.home.server?.run();
  await eventually(() => writer.create(note("Storks are back.", "greta")));
  await told("greta", ({ text }) => text.includes("Storks"));
});
