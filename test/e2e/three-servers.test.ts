/** A bus of three servers: what one server alone can't show. */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { eventually } from "../fixtures/eventually.ts";
import { expectAnswered } from "./answered.ts";
import { crash } from "./cluster/crash.ts";
import { type ApiProxy, startApiProxy } from "./cluster/forward.ts";
import { apply, isReady, kubectl, list, secretData } from "./cluster/kubectl.ts";
import { person, vextirAs } from "./cluster/vextir.ts";
import { Gateway } from "./gateway.ts";
import {
  driversReady,
  install,
  makeNamespaces,
  quickstart,
  removeEverything,
  SYSTEM,
  TENANT,
} from "./installation.ts";
import { Publisher } from "./publisher.ts";

/** Far less than the time after which an event that got lost on its way is delivered again (30 s). */
const SOON_SECONDS = 15;

let proxy: ApiProxy | undefined;
let gateway: Gateway;

beforeAll(async () => {
  await removeEverything(); // of a run that was killed
  await makeNamespaces();
  await install("--set", "nats.replicas=3");
  proxy = await startApiProxy();
  gateway = new Gateway(proxy.service(TENANT, "gateway:http"));
  await kubectl("apply", "-n", TENANT, "-f", quickstart);
  await driversReady();
});

afterAll(async () => {
  await proxy?.stop();
  await kubectl("delete", "clusterrolebinding", "vextir-e2e-administrator", "--ignore-not-found");
  await removeEverything();
});

const answered = async () => {
  const { events } = await gateway.ask("chat.message.received", { text: "hello" }, SOON_SECONDS);
  expect(events.at(-1)).toMatchObject({ type: "chat.message.sent", publisher: "assistant" });
};

test("any of the three is killed and nothing is refused for long", async () => {
  for (const server of [0, 1, 2]) {
    const publisher = new Publisher(gateway);
    await publisher.more(5);
    await crash(SYSTEM, `vextir-nats-${server}`);
    await publisher.more(20);
    await publisher.stop();
    await kubectl("rollout", "status", "statefulset/vextir-nats", "-n", SYSTEM, "--timeout=180s");
  }
});

test("pods come and go, and no event waits for one that has gone", async () => {
  const pods = ["pods", "-n", TENANT, "-l", "vextir.io/driver=assistant"];
  for (let round = 0; round < 3; round++) {
    const old = await eventually(async () => (await list(...pods)).find(isReady), "a pod");
    await kubectl("delete", "pod", old.metadata.name, "-n", TENANT);
    await driversReady("assistant");
    await answered();
    await answered();
  }
});

test("the master is rotated and the servers restarted one after the other: nothing acknowledged is lost", async () => {
  const administrator = person(SYSTEM, "administrator", "cluster-admin", true);
  await apply(administrator.manifest);
  const before = await secretData(SYSTEM, "vextir-master");
  const publisher = new Publisher(gateway);
  await publisher.more(5);
  const said = await vextirAs(administrator.serviceAccount, "keys", "rotate", "master");
  expect(said).toContain("master");
  const rotated = await secretData(SYSTEM, "vextir-master");
  expect(rotated["secret"]).toEqual(before["next"]);
  expect(rotated["previous"]).toEqual(before["secret"]);
  await kubectl("rollout", "restart", "statefulset/vextir-nats", "-n", SYSTEM);
  await kubectl("rollout", "status", "statefulset/vextir-nats", "-n", SYSTEM, "--timeout=180s");
  await publisher.more(10);
  await expectAnswered(await publisher.stop());
  await eventually(async () => {
    return (await secretData(SYSTEM, "vextir-master"))["previous"] === undefined;
  }, "the operator sees that no server needs the master of before");
  await answered();
});
