import { expect, test } from "@jest/globals";
import { catalogue } from "@vextir/api/catalogue/index.ts";
import { eventTypes } from "./events-types.ts";

test("a table of all, or of a pattern, with the members that must be there", async () => {
  const [header, ...rows] = (await eventTypes(">", {})).split("\n");
  expect(header).toMatch(/^TYPE +VERSION +REQUIRED +DESCRIPTION$/);
  expect(rows).toHaveLength((await catalogue()).length);
  const pushed = (await eventTypes("repo.*", {})).split("\n").find((row) => row.startsWith("repo.pushed"));
  expect(pushed).toMatch(/^repo\.pushed +1 +repo, ref, commits +Commits arrived/);
});

test("-o json has the schemas", async () => {
  const types = JSON.parse(await eventTypes("chat.message.sent", { output: "json" }));
  expect(types).toMatchObject([
    {
      type: "chat.message.sent",
      version: 1,
      dataschema: "urn:vextir:event:chat.message.sent:1",
      schema: { $id: "urn:vextir:event:chat.message.sent:1", properties: { text: { type: "string" } } },
    },
  ]);
});

test("a pattern that matches none is said", async () => {
  await expect(eventTypes("chat", {})).rejects.toMatchObject({ code: "NotFound" });
});
