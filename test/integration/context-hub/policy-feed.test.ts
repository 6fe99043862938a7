import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { connect, credsAuthenticator } from "@nats-io/transport-node";
import { HUB_POLICY } from "@vextir/api";
import { LocalCluster } from "@vextir/cli/local/cluster.ts";
import { ObjectStore } from "@vextir/cli/local/store/object-store.ts";
import { BusPolicy } from "@vextir/context-hub/access/bus-policy.ts";
import { startHubPolicyFeed } from "@vextir/operator/hub/policy-feed.ts";
import { HubClient, toldBy } from "../../conformance/context-hub/client.ts";
import { metadataOf } from "../../conformance/context-hub/target.ts";
import type { Home } from "../../fixtures/database-home.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { startBus, type TestBus } from "../../fixtures/nats.ts";
import { PROMPTLY_MS } from "../../fixtures/promptly.ts";
import { acceptDriver } from "./accepted-driver.ts";
import { HubWorld, homes } from "./world.ts";

const LOG = { info: () => {}, warn: () => {} };
const NAMESPACE = "team";
let bus: TestBus;
let home: Home;
let world: HubWorld;
let hub: HubClient;
let policy: BusPolicy;
let feed: { stop(): Promise<void> };
const store = new ObjectStore();
const cluster = new LocalCluster(store, () => {});

beforeAll(async () => {
  [bus, home] = await Promise.all([startBus(), (homes["PGlite"] as () => Promise<Home>)()]);
  policy = BusPolicy.start({ servers: bus.urls, authenticator: asHub(), log: LOG });
  world = await HubWorld.start(await home.open("feed"), "feed", { policy });
  hub = new HubClient(world.target.address);
});
afterAll(async () => {
  hub?.close();
  await feed?.stop();
  await policy?.stop();
  await world?.stop();
  await home?.remove();
  await bus?.stop();
});

const asHub = () => credsAuthenticator(new TextEncoder().encode(bus.realm.hubCredentials()));

const startFeed = () => startHubPolicyFeed({ servers: bus.urls, realm: bus.realm, cluster, log: LOG });

const apply = (name: string, context: object[]) =>
  acceptDriver(store, { namespace: NAMESPACE, name, context });

const notes = (...verbs: string[]) => [{ collection: "notes", verbs, users: "All" }];
const note = { document: { collection: "notes", user: "u", content: "c" } };

test("nobody may do anything until the leader has spoken", async () => {
  const token = metadataOf(
    await world.tokens.pod(NAMESPACE, "early", { uid: apply("early", notes("read")) }),
  );
  const told = await toldBy(hub.unary("listDocuments", token, {}));
  expect(told).toMatchObject({ code: status.UNAVAILABLE, retryAfterMs: 1_000 });
  feed = await startFeed();
  await eventually(() => hub.unary("listDocuments", token, {}));
});

test("a grant counts when it is accepted; taken back, it ends an open stream at once", async () => {
  const uid = apply("notes", notes("read", "write"));
  const token = metadataOf(await world.tokens.pod(NAMESPACE, "notes", { uid }));
  await eventually(() => hub.unary("createDocument", token, note));
  let taken = 0;
  const watching = (async () => {
    for await (const _ of hub.stream("watch", token, {})) {
      if (taken > 0) continue;
      taken = performance.now();
      apply("notes", notes("write"));
    }
  })();
  expect(await toldBy(watching)).toMatchObject({ code: status.PERMISSION_DENIED });
  expect(performance.now() - taken).toBeLessThan(PROMPTLY_MS);
  await hub.unary("createDocument", token, note);
});

test("a token of another ServiceAccount of the same name is another driver's", async () => {
  const uid = apply("again", notes("read"));
  const tokenOf = async (account: string) =>
    metadataOf(await world.tokens.pod(NAMESPACE, "again", { uid: account }));
  const [own, before] = [await tokenOf(uid), await tokenOf("of-the-one-before")];
  await eventually(() => hub.unary("listDocuments", own, {}));
  expect((await toldBy(hub.unary("listDocuments", before, {}))).code).toBe(status.PERMISSION_DENIED);
});

test("more Drivers than fit on a page are all known, and another leader takes over", async () => {
  const names = Array.from({ length: 2 * HUB_POLICY.pageSize + 3 }, (_, i) => `many-${i}`);
  const uids = names.map((name) => apply(name, notes("read")));
  await feed.stop();
  feed = await startFeed();
  await eventually(() =>
    names.every(
      (driver, i) => policy.grantsOf({ tenant: NAMESPACE, driver, uid: uids[i] ?? "" }) !== undefined,
    ),
  );
  await eventually(() => policy.isFresh);
});

test("the hub's own user can't say what is granted", async () => {
  const connection = await connect({ servers: bus.urls, authenticator: asHub() });
  const refused = (async () => {
    for await (const event of connection.status()) if (event.type === "error") return event.error.message;
    return "";
  })();
  connection.publish(HUB_POLICY.changed, "{}");
  await expect(refused).resolves.toMatch(/permissions violation/i);
  await connection.close();
});

test("a leader that has gone silent is not believed any longer", async () => {
  const token = metadataOf(
    await world.tokens.pod(NAMESPACE, "early", { uid: apply("early", notes("read")) }),
  );
  await eventually(() => hub.unary("listDocuments", token, {}));
  await feed.stop();
  await eventually(() => !policy.isFresh);
  expect((await toldBy(hub.unary("listDocuments", token, {}))).code).toBe(status.UNAVAILABLE);
});
