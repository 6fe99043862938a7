import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { endedCalls } from "@vextir/context-hub/serving/audit.ts";
import { HubClient, toldBy } from "../../conformance/context-hub/client.ts";
import { metadataOf } from "../../conformance/context-hub/target.ts";
import type { Home } from "../../fixtures/database-home.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { PROMPTLY_MS } from "../../fixtures/promptly.ts";
import { HubWorld, homes, Tokens } from "./world.ts";

const log: Record<string, unknown>[] = [];
let home: Home;
let world: HubWorld;
let hub: HubClient;
const write = (fields: unknown) => void log.push(fields as Record<string, unknown>);

beforeAll(async () => {
  home = await (homes["PostgreSQL"] as () => Promise<Home>)();
  const ended = endedCalls({ warn: write, error: write, info: write } as never);
  world = await HubWorld.start(await home.open("guarding"), "guarding", { ended });
  hub = new HubClient(world.target.address);
});
afterAll(async () => {
  hub?.close();
  await world?.stop();
  await home?.remove();
});

const note = (title = "a") => ({ document: { collection: "conformance/x", user: "u", title, content: "c" } });
const codeOf = async (call: Promise<unknown>) => (await toldBy(call)).code;

test("tokens for others, of others, and of the past are refused", async () => {
  const others = await Tokens.create();
  const tokens = {
    "another audience": await world.tokens.pod("alpha", "full", { audience: "vextir-bus" }),
    "another authority": await others.pod("alpha", "full"),
    expired: await world.tokens.pod("alpha", "full", { expires: "-1 minute" }),
    "no JWT": "a.b.c",
  };
  for (const [reason, token] of Object.entries(tokens)) {
    const told = await toldBy(hub.unary("listDocuments", metadataOf(token), {}));
    expect({ reason, code: told.code }).toEqual({ reason, code: status.UNAUTHENTICATED });
    expect(told.message).not.toContain(token);
  }
});

test("a user is taken from nobody but the tenant's gateway, and not for long", async () => {
  const token = await world.tokens.pod("alpha", "own");
  const others = await Tokens.create();
  const assertions = {
    "another's key": await others.assertion("alpha", "anna"),
    "another tenant's": await world.tokens.assertion("beta", "anna"),
    expired: await world.tokens.assertion("alpha", "anna", "-1 minute"),
    "for a day": await world.tokens.assertion("alpha", "anna", "1 day"),
    "a pod's token": token,
  };
  for (const [reason, assertion] of Object.entries(assertions)) {
    const code = await codeOf(hub.unary("listDocuments", metadataOf(token, assertion), {}));
    expect({ reason, code }).toEqual({ reason, code: status.UNAUTHENTICATED });
  }
});

test("every refusal is in the audit log: who, what and why", async () => {
  log.length = 0;
  await codeOf(hub.unary("createDocument", world.target.as("reader"), note()));
  expect(log).toEqual([
    expect.objectContaining({
      ...{
        audit: "refused",
        code: "PERMISSION_DENIED",
        method: "CreateDocument",
        tenant: "alpha",
        driver: "reader",
      },
    }),
  ]);
});

test("a grant that is taken back ends an open stream at once, and so does a feed that says nothing", async () => {
  const full = world.target.as("full");
  const { grants } = world.policy;
  for (const take of [() => grants.delete("alpha/full"), () => (world.policy.isFresh = false)]) {
    const before = grants.get("alpha/full") ?? [];
    let taken = 0;
    const watching = (async () => {
      for await (const _ of hub.stream("watch", full, {}))
        if (taken === 0) {
          taken = performance.now();
          take();
        }
    })();
    const { code } = await toldBy(watching);
    expect(performance.now() - taken).toBeLessThan(PROMPTLY_MS);
    expect(code).toBe(world.policy.isFresh ? status.PERMISSION_DENIED : status.UNAVAILABLE);
    const told = await toldBy(hub.unary("listDocuments", full, {}));
    expect(told.code).toBe(code);
    if (code === status.UNAVAILABLE) expect(told.retryAfterMs).toBe(1_000);
    grants.set("alpha/full", before);
    world.policy.isFresh = true;
  }
});

test("while the database is away calls are told when to come again; what was acknowledged is there afterwards", async () => {
  const full = world.target.as("full");
  const acknowledged: string[] = [];
  let refused = 0;
  let over = false;
  const load = (async () => {
    for (let i = 0; !over; i++) {
      try {
        const { written } = await hub.unary("createDocument", full, note(`under load ${i}`));
        acknowledged.push(written?.id ?? "");
      } catch (error) {
        const told = await toldBy(Promise.reject(error));
        expect(told).toMatchObject({ code: status.UNAVAILABLE, retryAfterMs: 1_000 });
        refused++;
      }
    }
  })();
  await eventually(() => acknowledged.length > 20);
  await home.server?.end("SIGQUIT");
  await eventually(() => refused > 3);
  await home.server?.run();
  const before = acknowledged.length;
  await eventually(() => acknowledged.length > before + 5);
  over = true;
  await load;
  for (const id of acknowledged) await hub.unary("getDocument", full, { id });
});
