import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type TestKit, testKit } from "@vextir/driver-runtime/testing";
import { Config } from "./config.ts";
import ContextHubDriver from "./index.ts";

let kit: TestKit;

beforeAll(async () => {
  kit = await testKit(ContextHubDriver, {
    capabilities: {
      publish: ["context.>"],
      state: true,
      context: [{ collection: "notes", verbs: ["read", "write"] }],
    },
    config: { attempts: 2, summaries: [{ name: "profile", collections: ["notes"] }] },
    delivery: { backoff: ["10ms"] },
  });
});
afterAll(() => kit?.stop());

test("where there is no hub a request has failed after so many attempts, and is no dead letter", async () => {
  const ask = (type: string, data: object) =>
    kit.publish(type, data, { publisher: "gateway", userId: "anna" });
  const { id } = await ask("context.document.create", { collection: "notes", content: "x" });
  const [failed] = await kit.events("context.request.failed", { timeoutMs: 60_000 });
  expect(failed).toMatchObject({ causationId: id, correlationId: id, userId: "anna" });
  expect(failed?.data).toEqual({
    ...{ requestId: id, request: "context.document.create", userId: "anna" },
    error: { code: "Unavailable", message: expect.stringContaining("VEXTIR_HUB_URL") },
  });
  expect(await kit.metrics()).toContain('subscription="default",outcome="Retried"} 1');
});

test("what is not granted fails at once", async () => {
  const { id } = await kit.publish(
    "context.document.search",
    { query: "x" },
    { publisher: "gateway", userId: "a" },
  );
  const failed = await kit.events("context.request.failed", { count: 2, timeoutMs: 60_000 });
  expect(failed.find(({ causationId }) => causationId === id)?.data).toMatchObject({
    error: { code: "NotGranted", message: expect.stringContaining("verbs: [search]") },
  });
});

test.each([
  { reason: "a summary of itself", summary: { collections: ["notes"], into: "notes/summary" }, at: "into" },
  {
    reason: "a summary in its own collection",
    summary: { collections: ["notes"], into: "notes" },
    at: "into",
  },
  { reason: "a summary of nothing", summary: { collections: [] }, at: "collections" },
  { reason: "a name that is none", summary: { name: "My Summary", collections: ["notes"] }, at: "name" },
  { reason: "a pace that is none", summary: { collections: ["notes"], debounce: "soon" }, at: "debounce" },
])("$reason is no configuration", ({ summary, at }) => {
  const { error } = Config.safeParse({ summaries: [{ name: "profile", ...summary }] });
  expect(error?.issues.map(({ path }) => path.join("."))).toEqual([`summaries.0.${at}`]);
});

test("two summaries of one name are no configuration", () => {
  const one = { name: "profile", collections: ["notes"] };
  expect(Config.safeParse({ summaries: [one, one] }).success).toBe(false);
});
