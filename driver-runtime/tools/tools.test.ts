import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { DriverFile, type Method } from "@vextir/api";
import { z } from "zod";
import { defineDriver } from "../index.ts";
import { type TestKit, testKit } from "../testing/index.ts";
import { createTools } from "./tools.ts";

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

test("whoever goes away while a driver is asked leaves the others its answer", async () => {
  const answer = Promise.withResolvers<readonly Method[]>();
  let asked = 0;
  const describe = (_grant: string, options?: { signal?: AbortSignal }) => {
    asked += 1;
    const gone = new Promise<never>((_, reject) =>
      options?.signal?.addEventListener("abort", () => reject(options.signal?.reason)),
    );
    return Promise.race([answer.promise, gone]);
  };
  const capabilities = DriverFile.shape.capabilities.parse({ call: ["toolbox.time"] });
  const tools = createTools({ capabilities, describe, call: () => Promise.reject(new Error("not called")) });
  const impatient = new AbortController();
  const given = [tools.list({ signal: impatient.signal }), tools.list()] as const;
  impatient.abort(new Error("gone"));
  await expect(given[0]).rejects.toThrow("gone");
  answer.resolve([{ name: "time", description: "Time in a zone" }]);
  expect((await given[1]).map(({ name }) => name)).toEqual(["toolbox.time"]);
  expect((await tools.list()).map(({ name }) => name)).toEqual(["toolbox.time"]);
  expect(asked).toBe(1);
});
