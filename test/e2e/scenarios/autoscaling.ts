import { expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { apply, get, isReady, kubectl, list } from "../cluster/kubectl.ts";
import { TENANT } from "../installation.ts";

/** Tells by its log when it handled something. */
const SLEEPER = `import { defineDriver } from "@vextir/driver-runtime";
export default defineDriver({ name: "sleeper", version: "1.0.0", class: "Tool",
  on: { "nap.ended": async (_event, { log }) => {
    log.info({ at: Date.now() }, "awake");
    await new Promise((resolve) => setTimeout(resolve, 300));
  } } });`;
/** Publishes so many events as its configuration says when it starts. */
const WAKER = `import { defineDriver } from "@vextir/driver-runtime";
import { z } from "zod";
export default defineDriver({ name: "waker", version: "1.0.0", class: "IO", config: z.object({ count: z.number() }),
  capabilities: { publish: ["nap.ended"] },
  start: async (driver) => {
    for (let i = 0; i < driver.config.count; i++) await driver.publish("nap.ended", { at: Date.now() });
  } });`;

const driver = (name: string, source: string, spec: object) => ({
  ...{ apiVersion: "vextir.io/v1alpha1", kind: "Driver", metadata: { name, namespace: TENANT } },
  spec: { source: { inline: source }, ...spec },
});

const sleeper = driver("sleeper", SLEEPER, {
  ...{ class: "Tool", subscriptions: [{ types: ["nap.ended"], delivery: { maxAckPending: 8 } }] },
  scaling: {
    ...{ maxReplicaCount: 3, cooldownPeriod: 5 },
    behavior: { scaleDown: { stabilizationWindowSeconds: 5 } },
  },
});
const waker = (count: number) =>
  driver("waker", WAKER, { class: "IO", config: { count }, capabilities: { publish: ["nap.ended"] } });

const pods = async () => list("pods", "-n", TENANT, "-l", "vextir.io/driver=sleeper");
const asleep = () => eventually(async () => (await pods()).length === 0, "no pod of the sleeper");

export function autoscaling() {
  test("a driver that has told its manifest sleeps", async () => {
    await apply(JSON.stringify(sleeper));
    // At the very first it has no pods either.
    await eventually(async () => {
      const { status } = await get("driver", "sleeper", "-n", TENANT);
      const active = status.conditions.find(({ type }: { type: string }) => type === "Active");
      return active?.status === "False" && active.reason === "AwaitingEvents";
    }, "it is known to sleep");
    await asleep();
  });

  test("an event is handled by a pod that is started for it, and many start more; then all go", async () => {
    await apply(JSON.stringify(waker(1)));
    await eventually(async () => (await pods()).some(isReady), "a ready pod");
    await apply(JSON.stringify(waker(200)));
    await eventually(async () => (await pods()).length === 3, "three pods");
    await asleep();
    const { items } = JSON.parse(await kubectl("get", "events", "-n", TENANT, "-o", "json"));
    const told = items.filter(
      ({ involvedObject }: { involvedObject: { name: string } }) => involvedObject.name === "sleeper",
    );
    const reasons = told.map(({ reason }: { reason: string }) => reason);
    expect(reasons).toEqual(expect.arrayContaining(["ScaledUp", "ScaledDown"]));
  });

  test("and both are deleted", async () => {
    await kubectl("delete", "driver", "sleeper", "waker", "-n", TENANT, "--timeout=120s");
  });
}
