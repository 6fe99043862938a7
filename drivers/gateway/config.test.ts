import { expect, test } from "@jest/globals";
import { Config } from "./config.ts";

test("every key has a default", () => {
  expect(Config.parse({})).toMatchObject({
    maxBodyBytes: 1_048_576,
    maxWaitSeconds: 30,
    observe: [],
    replies: {},
  });
});

test("a reply that could not be seen is refused, by its name", () => {
  const result = Config.safeParse({ observe: ["demo.>"], replies: { "a.b": "a.c", "demo.x": "demo.y" } });
  expect(result.error?.issues).toMatchObject([{ path: ["replies", "a.b"] }]);
});
