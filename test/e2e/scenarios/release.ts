import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { BusView } from "../bus.ts";
import { type ApiProxy, startApiProxy } from "../cluster/forward.ts";
import { get, kubectl, list } from "../cluster/kubectl.ts";
import { Gateway } from "../gateway.ts";
import { driversReady, install, SYSTEM, TENANT, uninstall, upgrade } from "../installation.ts";

async function storedEvents(): Promise<string[]> {
  const bus = await BusView.open();
  try {
    return (await (await bus.tenant(TENANT)).events()).map(({ id }) => id);
  } finally {
    await bus.close();
  }
}

export function release() {
  let proxy: ApiProxy;
  let gateway: Gateway;
  beforeAll(async () => {
    proxy = await startApiProxy();
    gateway = new Gateway(proxy.service(TENANT, "gateway:http"));
  });
  afterAll(() => proxy?.stop());
  const answered = async (text: string) => {
    const { events } = await gateway.ask("chat.message.received", { text });
    expect(events.at(-1)).toMatchObject({ type: "chat.message.sent", publisher: "assistant" });
  };

  test("helm upgrade rolls operator and drivers, and leaves NATS alone", async () => {
    const nats = (await get("pod", "vextir-nats-0", "-n", SYSTEM)).metadata.uid;
    await upgrade("--set", "drivers.logLevel=debug,operator.logLevel=debug");
    await kubectl("rollout", "status", "deployment/assistant", "-n", TENANT, "--timeout=120s");
    await driversReady();
    await answered("hello after the upgrade");
    expect((await get("pod", "vextir-nats-0", "-n", SYSTEM)).metadata.uid).toBe(nats);
  });

  test("helm upgrade to another number of servers is refused: their volumes would be of no use", async () => {
    const { spec } = await get("statefulset", "vextir-nats", "-n", SYSTEM);
    const other = spec.replicas === 1 ? 3 : 1;
    const refused = upgrade("--set", `nats.replicas=${other}`);
    await expect(refused).rejects.toThrow(`nats.replicas=${other} does not fit the volumes`);
    await driversReady();
  });

  test("helm uninstall keeps definitions, Drivers, Secrets and events; installed again, it goes on", async () => {
    const [events, drivers] = [await storedEvents(), await list("drivers", "-n", TENANT)];
    await uninstall();
    await kubectl("get", "crd", "drivers.vextir.io", "eventbuses.vextir.io");
    expect((await list("drivers", "-n", TENANT)).map(({ metadata }) => metadata.uid)).toEqual(
      drivers.map(({ metadata }) => metadata.uid),
    );
    await install();
    // Nobody kept the Drivers' status true meanwhile, so it does not tell when they are back.
    await eventually(async () => {
      await answered("hello after the installation");
      return true;
    }, "an answer");
    await driversReady();
    expect(await storedEvents()).toEqual(expect.arrayContaining(events));
  });
}
