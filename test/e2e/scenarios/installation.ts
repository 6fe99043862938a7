import { expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { get, isReady, kubectl, list } from "../cluster/kubectl.ts";
import { SYSTEM } from "../installation.ts";

export function installation() {
  test("operator, egress proxy, context hub and NATS are Ready in a namespace that enforces Pod Security restricted", async () => {
    const { spec } = await get("statefulset", "vextir-nats", "-n", SYSTEM);
    const servers = Array.from({ length: spec.replicas }, () => "vextir-nats");
    const pods = await list("pods", "-n", SYSTEM);
    const names = pods.filter(isReady).map(({ metadata }) => metadata.labels?.["app.kubernetes.io/name"]);
    const others = ["vextir-egress", "vextir-operator"].flatMap((name) => [name, name]);
    expect(names.sort()).toEqual([...servers, ...others, "vextir-hub"].sort());
  });

  test("one operator leads", async () => {
    const holder = await eventually(
      () => kubectl("get", "lease", "vextir-operator", "-n", SYSTEM, "-o", "jsonpath={.spec.holderIdentity}"),
      "a leader",
    );
    expect(holder).toMatch(/^vextir-operator-/);
  });

  test("the definitions are kept and established", async () => {
    await kubectl("wait", "--for=condition=Established", "crd/drivers.vextir.io", "crd/eventbuses.vextir.io");
  });
}
