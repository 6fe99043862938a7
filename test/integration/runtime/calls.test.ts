import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Driver, defineDriver } from "@vextir/driver-runtime";
import { z } from "zod";
import { eventually } from "../../fixtures/eventually.ts";
import { type Run, World } from "./world.ts";

let world: World;
let run: Run;
let caller: Driver;
let stranger: Driver;
const toolbox = defineDriver({
  name: "toolbox",
  version: "1",
  class: "Tool",
  methods: { who: { handle: (_input, { caller }) => caller } },
  tools: {
    add: {
      description: "Adds",
      input: z.object({ a: z.number(), b: z.number() }),
      handle: ({ a, b }) => a + b,
    },
    slow: {
      description: "Takes its time",
      input: z.number(),
      handle: (ms) => new Promise((resolve) => setTimeout(resolve, ms, "done")),
    },
  },
});

beforeAll(async () => {
  world = await World.start();
  await world.run(toolbox);
  const call = ["toolbox.add", "toolbox.who", "toolbox.slow", "toolbox.nope", "absent.method"];
  run = await world.run(defineDriver({ name: "caller", version: "1", class: "Agent" }), {
    capabilities: { call },
  });
  caller = run.driver;
  stranger = (
    await world.run(defineDriver({ name: "stranger", version: "1", class: "Agent" }), {
      told: { call: ["*.*"] },
    })
  ).driver;
});
afterAll(() => world.stop());

describe("a call from one driver's account to another's", () => {
  test("is answered, and the callee knows who calls", async () => {
    expect(await caller.call("toolbox.add", { a: 1, b: 2 })).toBe(3);
    expect(await caller.call("toolbox.who")).toBe("caller");
  });

  test("may take seconds", async () => {
    expect(await caller.call("toolbox.slow", 2_500)).toBe("done");
  });

  test("is refused in kind: input, unknown method", async () => {
    await expect(caller.call("toolbox.add", { a: 1 })).rejects.toMatchObject({ code: "InvalidInput" });
    await expect(caller.call("toolbox.nope")).rejects.toMatchObject({
      code: "NotFound",
      message: expect.stringContaining("add, slow, who"),
    });
  });

  test("to a driver that is not there is told so, naming driver and method", async () => {
    await expect(caller.call("absent.method", 1, { timeoutMs: 500 })).rejects.toMatchObject({
      code: "Unavailable",
      message: expect.stringMatching(/"absent\.method".*"absent"/),
    });
  });

  test("that was not granted does not reach the callee, whatever the pod was told", async () => {
    await expect(stranger.call("toolbox.who", 1, { timeoutMs: 500 })).rejects.toMatchObject({
      code: "Unavailable",
    });
    await expect(caller.call("toolbox.other")).rejects.toMatchObject({ code: "NotGranted" });
  });

  test("can't be made in another's name", async () => {
    const raw = stranger.bus.connection;
    for (const name of ["caller", "stranger"])
      await expect(raw.request(`call.toolbox.who.${name}`, "", { timeout: 500 })).rejects.toThrow(
        /no responders/,
      );
  });

  test("hundreds at once", async () => {
    const sums = await Promise.all(
      Array.from({ length: 200 }, (_, i) => caller.call("toolbox.add", { a: i, b: 1 })),
    );
    expect(sums).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });

  test("waits for a bus that is back soon", async () => {
    await world.bus.server.end("SIGKILL");
    await eventually(() => run.running.obstacles().length > 0, "lost");
    const call = caller.call("toolbox.who");
    call.catch(() => {});
    await world.bus.startServer();
    expect(await call).toBe("caller");
  });
});
