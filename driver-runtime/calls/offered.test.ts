import { expect, test } from "@jest/globals";
import { OfferedMethods, type OfferedTool } from "./offered.ts";

const tool = (name: string, more: Partial<OfferedTool> = {}): OfferedTool => ({
  ...{ name, description: `It is ${name}.`, call: () => name },
  ...more,
});
const names = (offered: OfferedMethods) => [...offered.all()].map(({ name }) => name);

test("what is offered takes the place of what was", () => {
  const offered = new OfferedMethods(["own"]);
  offered.replace([tool("a"), tool("b")]);
  offered.replace([tool("c", { input: { type: "object" } })]);
  expect(names(offered)).toEqual(["c"]);
  expect(offered.get("c")?.schema).toEqual({ type: "object" });
  expect(offered.get("a")).toBeUndefined();
});

test.each([
  { reason: "a name of the code's own", tools: [tool("own")] },
  { reason: "a name that is none", tools: [tool("a.b")] },
  { reason: "one name twice", tools: [tool("a"), tool("a")] },
  { reason: "a description that is too long", tools: [tool("a", { description: "d".repeat(4_001) })] },
  { reason: "more than callers are told of", tools: Array.from({ length: 256 }, (_, i) => tool(`t${i}`)) },
])("$reason is refused, and what was offered stays", ({ tools }) => {
  const offered = new OfferedMethods(["own"]);
  offered.replace([tool("before")]);
  expect(() => offered.replace(tools)).toThrow(expect.objectContaining({ code: "InvalidInput" }));
  expect(names(offered)).toEqual(["before"]);
});

test("names that come and go for ever make no series without end", () => {
  const offered = new OfferedMethods([]);
  for (let i = 0; i < 600; i++) offered.replace([tool(`t${i}`)]);
  expect([offered.isCounted("t0"), offered.isCounted("t511"), offered.isCounted("t599")]).toEqual([
    true,
    true,
    false,
  ]);
});
