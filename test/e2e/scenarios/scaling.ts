import { expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { get, isReady, kubectl, list } from "../cluster/kubectl.ts";
import { TENANT } from "../installation.ts";

const readyPods = async () =>
  (await list("pods", "-n", TENANT, "-l", "vextir.io/driver=assistant")).filter(isReady).length;

const scale = (replicas: number) =>
  kubectl("scale", "driver/assistant", "-n", TENANT, `--replicas=${replicas}`);

export function scaling() {
  test("kubectl scale makes three pods, of which a drain takes one at a time", async () => {
    await scale(3);
    await kubectl(
      "wait",
      "driver/assistant",
      "-n",
      TENANT,
      "--for=jsonpath={.status.readyReplicas}=3",
      "--timeout=120s",
    );
    expect(await readyPods()).toBe(3);
    const { spec } = await get("poddisruptionbudget", "assistant", "-n", TENANT);
    expect(spec.maxUnavailable).toBe(1);
  });

  test("and back to one", async () => {
    await scale(1);
    await eventually(async () => (await readyPods()) === 1, "one pod");
    await kubectl("wait", "driver/assistant", "-n", TENANT, "--for=condition=Ready", "--timeout=120s");
  });
}
