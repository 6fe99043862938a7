import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { expectAnswered } from "../answered.ts";
import { crash } from "../cluster/crash.ts";
import { type ApiProxy, startApiProxy } from "../cluster/forward.ts";
import { apply, kubectl } from "../cluster/kubectl.ts";
import { Gateway } from "../gateway.ts";
import { driversReady, SYSTEM, TENANT } from "../installation.ts";
import { Publisher } from "../publisher.ts";

const leader = () =>
  kubectl("get", "lease", "vextir-operator", "-n", SYSTEM, "-o", "jsonpath={.spec.holderIdentity}");

const echo = `
apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: {name: echo, namespace: ${TENANT}}
spec: {class: Tool, module: toolbox}
`;

export function faults() {
  let proxy: ApiProxy;
  let gateway: Gateway;
  beforeAll(async () => {
    proxy = await startApiProxy();
    gateway = new Gateway(proxy.service(TENANT, "gateway:http"));
  });
  afterAll(() => proxy?.stop());

  test("the leading operator is killed: another takes over and brings a new Driver up", async () => {
    const old = await leader();
    await crash(SYSTEM, old.split("_")[0] as string);
    await apply(echo);
    await driversReady("echo");
    expect(await leader()).not.toBe(old);
    await kubectl("delete", "driver/echo", "-n", TENANT, "--timeout=120s");
  });

  test("NATS is killed while events are published: it recovers, and nothing acknowledged is lost", async () => {
    const publisher = new Publisher(gateway);
    await publisher.more(20);
    await crash(SYSTEM, "vextir-nats-0");
    await publisher.more(20);
    const acknowledged = await publisher.stop();
    await driversReady();
    await expectAnswered(acknowledged);
  });
}
