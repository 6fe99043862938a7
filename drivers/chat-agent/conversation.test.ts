import { describe, expect, test } from "@jest/globals";
import { DriverError, type State } from "@vextir/driver-runtime";
import { Config } from "./config.ts";
import { type Conversation, condense, EMPTY, type Place, recall, remember } from "./conversation.ts";

const { memory } = Config.parse({ memory: { ttlDays: 1, turns: 4 } });
const DAY_MS = 86_400_000;

/** A conversation in a bucket of its own. */
function place(): Place & { kept: () => Conversation | undefined } {
  let [value, revision]: [unknown, number] = [undefined, 0];
  const write = (next: unknown, expected: number) => {
    if (expected !== revision) throw new DriverError("Conflict", "its revision is another");
    value = next;
    return ++revision;
  };
  const state: Place["state"] = {
    get: (async (key) => (revision > 0 ? { key, value, revision } : undefined)) as State["get"],
    create: async (_key, next) => write(next, 0),
    update: async (_key, next, expected) => write(next, expected),
  };
  return { state, memory, key: "it", kept: () => value as Conversation | undefined };
}

const says = (said: string) => ({ said, answered: "yes" });
const saidIn = ({ turns }: Conversation = EMPTY) => turns.map(({ said }) => said);

test("a conversation that rested too long is forgotten, also by what is said next in it", async () => {
  const it = place();
  await remember(it, says("old"), 0);
  expect(saidIn(await recall(it, DAY_MS - 1))).toEqual(["old"]);
  expect(await recall(it, DAY_MS)).toEqual(EMPTY);
  await remember(it, says("new"), DAY_MS);
  expect(saidIn(await recall(it, DAY_MS))).toEqual(["new"]);
});

test("two that are said at once are both remembered", async () => {
  const it = place();
  await Promise.all([remember(it, says("a"), 1), remember(it, says("b"), 1)]);
  expect(saidIn(it.kept()).toSorted()).toEqual(["a", "b"]);
});

test("what is kept stays within what the bus takes, in any script", async () => {
  const it = place();
  it.memory = { ...memory, characters: 400_000 };
  for (let i = 0; i < 8; i++) await remember(it, says(`${i}${"\u4e16".repeat(60_000)}`), i);
  expect(Buffer.byteLength(JSON.stringify(it.kept()))).toBeLessThan(2 ** 20);
  expect(saidIn(it.kept()).at(-1)).toMatch(/^7/);
});

describe("a conversation that grows", () => {
  const grown = async (turns: number) => {
    const it = place();
    for (let i = 1; i <= turns; i++) await remember(it, says(`${i}`), i);
    return it;
  };

  test("is left alone up to its bound", async () => {
    const it = await grown(4);
    await condense(it, () => Promise.reject(new Error("not to be asked")));
    expect(saidIn(it.kept())).toEqual(["1", "2", "3", "4"]);
  });

  test("has a summary in the place of its older half", async () => {
    const it = await grown(5);
    await condense(it, async (older) => `of ${saidIn(older)}`);
    expect(it.kept()).toMatchObject({ summary: "of 1,2,3" });
    expect(saidIn(it.kept())).toEqual(["4", "5"]);
  });

  test("and goes on while it is summarised loses nothing", async () => {
    const it = await grown(5);
    await condense(it, async () => {
      await remember(it, says("6"), 6);
      return "a summary";
    });
    expect(saidIn(it.kept())).toEqual(["1", "2", "3", "4", "5", "6"]);
    await condense(it, async (older) => `of ${saidIn(older)}`);
    expect(it.kept()).toMatchObject({ summary: "of 1,2,3" });
  });

  test("and can't be summarised loses nothing either, up to twice its bound", async () => {
    const it = await grown(5);
    const cause = new Error("no model");
    await expect(condense(it, () => Promise.reject(cause))).rejects.toBe(cause);
    expect(saidIn(it.kept())).toHaveLength(5);
    expect(saidIn((await grown(20)).kept())).toEqual(["13", "14", "15", "16", "17", "18", "19", "20"]);
  });
});
