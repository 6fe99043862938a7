import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { connect, errors, tokenAuthenticator } from "@nats-io/transport-node";
import { LocalTokenAuthority } from "@vextir/operator/bus/index.ts";
import { startBus, type TestBus } from "../../fixtures/nats.ts";
import { request } from "./world.ts";

let bus: TestBus;
beforeAll(async () => {
  bus = await startBus();
  await bus.driver("known", { capabilities: { publish: ["a"] } });
});
afterAll(() => bus.stop());
beforeEach(() => {
  bus.decisions.length = 0;
});

const pod = { namespace: "team", uid: "account-known", podName: "known-0", podUid: "p" };
const known = { ...pod, serviceAccount: "driver-known" };
const byToken = (token: string) =>
  connect({ servers: bus.url, authenticator: tokenAuthenticator(token), timeout: 5_000, reconnect: false });

describe("somebody who shows", () => {
  test.each([
    { what: "an expired token", token: () => bus.tokens.sign(known, { lifetimeS: -1 }), refusal: "BadToken" },
    {
      what: "a token for another audience",
      token: () => bus.tokens.sign(known, { audience: "vextir-hub" }),
      refusal: "BadToken",
    },
    {
      what: "a token of another authority",
      token: async () => (await LocalTokenAuthority.create()).sign(known),
      refusal: "BadToken",
    },
    { what: "no token at all", token: async () => "", refusal: "NoToken" },
    { what: "something else", token: async () => "let me in", refusal: "BadToken" },
    {
      what: "a token of a pod that is no driver's",
      token: () => bus.tokens.sign({ ...pod, serviceAccount: "default" }),
      refusal: "NotADriver",
    },
    {
      what: "a token of a driver that is not there",
      token: () => bus.tokens.sign({ ...pod, serviceAccount: "driver-unknown" }),
      refusal: "UnknownDriver",
    },
    {
      what: "a token of an account that had the name before",
      token: () => bus.tokens.sign({ ...known, uid: "account-before" }),
      refusal: "ForeignAccount",
    },
    {
      what: "a token of a driver of another namespace",
      token: () => bus.tokens.sign({ ...known, namespace: "elsewhere" }),
      refusal: "UnknownDriver",
    },
  ])("$what is refused, and it is counted as $refusal", async ({ token, refusal }) => {
    await expect(byToken(await token())).rejects.toBeInstanceOf(errors.AuthorizationError);
    expect(bus.decisions).toEqual([refusal]);
  });

  test("something huge is refused by the server itself", async () => {
    await expect(byToken("x".repeat(60_000))).rejects.toThrow();
    expect(bus.decisions).toEqual([]);
  });

  test("the sentinel's JWT, which is no secret, can do nothing with it", async () => {
    const authenticator = () => ({ jwt: bus.realm.sentinelJwt });
    await expect(connect({ servers: bus.url, authenticator, reconnect: false })).rejects.toBeInstanceOf(
      errors.AuthorizationError,
    );
  });
});

test("the user ends with the token; the client comes back with the next one", async () => {
  let lifetimeS = 2;
  let asked = 0;
  let next = await bus.tokens.sign(known, { lifetimeS });
  const connection = await connect({
    servers: bus.url,
    authenticator: tokenAuthenticator(() => {
      asked++;
      return next;
    }),
    reconnectTimeWait: 50,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
  });
  lifetimeS = 600;
  next = await bus.tokens.sign(known, { lifetimeS });
  for await (const { type } of connection.status()) if (type === "reconnect") break;
  expect(asked).toBeGreaterThan(1);
  expect(JSON.parse(await request(connection, "evt.known.0.a", "x"))).toMatchObject({ stream: "EVENTS" });
  await connection.close();
});

test("while no callout is there, open connections go on and new ones are refused; then they are served", async () => {
  const open = await bus.connect({ name: "known" });
  await bus.callout.stop();
  await expect(byToken(await bus.token({ name: "known" }))).rejects.toThrow();
  expect(JSON.parse(await request(open, "evt.known.0.a", "x"))).toMatchObject({ stream: "EVENTS" });
  bus.callout = bus.newCallout();
  await bus.callout.ready();
  const later = await byToken(await bus.token({ name: "known" }));
  await Promise.all([open.close(), later.close()]);
});

test("two replicas answer each request once", async () => {
  const second = bus.newCallout();
  await second.ready();
  const tokens = await Promise.all(Array.from({ length: 20 }, () => bus.token({ name: "known" })));
  const connections = await Promise.all(tokens.map(byToken));
  expect(bus.decisions).toEqual(Array.from({ length: 20 }, () => "Accepted"));
  await Promise.all(connections.map((connection) => connection.close()));
  await second.stop();
});
