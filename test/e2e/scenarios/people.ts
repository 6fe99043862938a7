import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { type ApiProxy, startApiProxy } from "../cluster/forward.ts";
import { apply, kubectl } from "../cluster/kubectl.ts";
import { ProgramError } from "../cluster/program.ts";
import { person, vextirAs } from "../cluster/vextir.ts";
import { Gateway } from "../gateway.ts";
import { TENANT } from "../installation.ts";

const owner = person(TENANT, "owner", "admin");
const reader = person(TENANT, "reader", "view");

export function people() {
  let proxy: ApiProxy;
  let gateway: Gateway;
  beforeAll(async () => {
    for (const { manifest } of [owner, reader]) await apply(manifest);
    proxy = await startApiProxy();
    gateway = new Gateway(proxy.service(TENANT, "gateway:http"));
  });
  afterAll(() => proxy?.stop());

  test("vextir capabilities tells a reader what a Driver may do, through a port forward", async () => {
    const said = await eventually(
      () => vextirAs(reader.serviceAccount, "capabilities", "assistant", "-n", TENANT, "--cluster"),
      "the role's rights",
    );
    expect(said).toContain(`Driver ${TENANT}/assistant`);
    expect(said).toContain("spec.capabilities.publish[0]");
  });

  test("whoever may not make new keys is refused with what he lacks", async () => {
    const refused = await vextirAs(reader.serviceAccount, "keys", "rotate", "tenant", "-n", TENANT).catch(
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(ProgramError);
    expect((refused as ProgramError).stderr).toContain("drivers/rotatekeys");
  });

  test("the tenant's owner makes new keys, connections of before come back, and the drivers answer", async () => {
    const pods = await kubectl("get", "pods", "-n", TENANT, "-l", "vextir.io/driver=assistant", "-o", "name");
    const pod = pods.split("\n")[0] ?? "";
    const before = await reconnectsOf(pod);
    const said = await vextirAs(owner.serviceAccount, "keys", "rotate", "tenant", "-n", TENANT);
    expect(said).toContain(`tenant ${TENANT}`);
    await eventually(async () => (await reconnectsOf(pod)) > before, "the assistant has connected again");
    // The gateway comes back too, and hears nothing of what it waits for meanwhile.
    await eventually(async () => {
      const { events } = await gateway.ask("chat.message.received", { text: "hello with new keys" });
      expect(events.at(-1)).toMatchObject({ type: "chat.message.sent", publisher: "assistant" });
      return true;
    }, "an answer");
  });
}

/** By the pod's own count. */
async function reconnectsOf(pod: string): Promise<number> {
  const path = `/api/v1/namespaces/${TENANT}/pods/${pod.replace("pod/", "")}:9464/proxy/metrics`;
  const metrics = await kubectl("get", "--raw", path);
  return Number(/^vextir_driver_bus_reconnects_total(?:\{[^}]*\})? (\d+)$/m.exec(metrics)?.[1] ?? 0);
}
