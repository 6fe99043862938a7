import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "@jest/globals";
import { grpcio, python } from "../../fixtures/python-grpc.ts";
import { HubWorld, homes } from "./world.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../../..");
const client = join(root, "test/conformance/context-hub/python/client.py");

const ends: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

const there = python ? test : test.skip;
there(
  python
    ? "a client in Python speaks to the hub"
    : "NOT RUN, there is no python3: a client in Python speaks to the hub",
  async () => {
    const site = await grpcio();
    const home = await (homes["PGlite"] as NonNullable<(typeof homes)[string]>)();
    ends.push(() => home.remove());
    const world = await HubWorld.start(await home.open("python"), "python");
    ends.push(() => world.stop());
    const token = await world.tokens.pod("alpha", "full");
    const args = [client, join(root, "proto"), world.target.address, token, "py"];
    const env = { ...process.env, PYTHONPATH: site, PYTHONDONTWRITEBYTECODE: "1" };
    const { stdout } = await run(python as string, args, { env, timeout: 60_000 });
    expect(JSON.parse(stdout)).toEqual({
      content: "a python slept in the sun 🐍",
      revision: 1,
      created: 30,
      found: ["from Python"],
      highlights: ["python", "sun"],
      watched: 31,
      code: "INVALID_ARGUMENT",
      field: "document.collection",
      erased: 31,
    });
  },
  240_000,
);
