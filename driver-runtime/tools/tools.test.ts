import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { z } from "zod";
import { defineDriver } from "../index.ts";
import { type TestKit, testKit } from "../testing/index.ts";

const agent = defineDriver({
  name: "agent",
  version: "1.0.0",
  class: "Agent",
  capabilities: { call: ["toolbox.time", "toolbox.quiet", "away.help", "agent.*", "*.anything"] },
  methods: { plain: { handle: () => "no tool: nobody says what it is for" } },
  tools: {
    own: {
      description: "Says hello",
      input: z.object({ to: z.string() }),
      handle: ({ to }) => `hello ${to}`,
    },
  },
});

let kit: TestKit;
let runs = 0;
beforeAll(async () => {
  kit = await testKit(agent);
  const time = (input: unknown) => {
    runs += 1;
    return `late in ${(input as { zone: string }).zone}`;
  };
  kit.answer("toolbox.time", time, {
    description: "Time in a zone",
    input: z.object({ zone: z.string().describe("IANA name") }),
  });
  kit.answer("toolbox.quiet", () => "not a tool");
});
afterAll(() => kit?.stop());

test("granted methods with a description are found, with their schemas; who is away is left out", async () => {
  const tools = await kit.driver.tools.list();
  expect(tools.map(({ name, description }) => [name, description])).toEqual([
    ["agent.own", "Says hello"],
    ["toolbox.time", "Time in a zone"],
  ]);
  expect(runs).toBe(0);
  expect(tools[1]?.input).toMatchObject({ properties: { zone: { description: "IANA name" } } });
});

test("they are called as any method is, and say what is wrong with an input", async () => {
  const [own, time] = await kit.driver.tools.list();
  expect(await own?.call({ to: "you" })).toBe("hello you");
  expect(await time?.call({ zone: "Asia/Tokyo" })).toBe("late in Asia/Tokyo");
  await expect(time?.call({ zone: 3 })).rejects.toMatchObject({ code: "InvalidInput" });
});
