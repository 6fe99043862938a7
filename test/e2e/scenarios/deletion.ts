import { expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { BusView } from "../bus.ts";
import { isReady, kubectl, list } from "../cluster/kubectl.ts";
import { driversReady, quickstart, removeTenant, TENANT } from "../installation.ts";

const podsOf = (name: string) => list("pods", "-n", TENANT, "-l", `vextir.io/driver=${name}`);

/** The token that the kubelet gives the pod. */
const tokenOf = (driver: string, pod: string) =>
  kubectl(
    "create",
    "token",
    `driver-${driver}`,
    "-n",
    TENANT,
    "--audience=vextir-bus",
    "--bound-object-kind=Pod",
    `--bound-object-name=${pod}`,
  ).then((token) => token.trim());

export function deletion() {
  test("its account, consumers, bucket and pods are gone, and its token no longer connects", async () => {
    const grant = '{"spec": {"capabilities": {"state": true}}}';
    await kubectl("patch", "driver/assistant", "-n", TENANT, "--type=merge", "-p", grant);
    const bus = await BusView.open();
    try {
      const tenant = await bus.tenant(TENANT);
      await eventually(async () => (await tenant.streams()).includes("KV_assistant"), "its bucket");
      await driversReady("assistant");
      expect(await bus.accounts(TENANT)).toContain("assistant");
      expect(await tenant.consumers()).toContain("assistant_default");
      const [pod] = (await podsOf("assistant")).filter(isReady);
      const token = await tokenOf("assistant", pod?.metadata.name as string);
      const connection = await bus.connectWith(token);
      const closed = connection.closed();

      await kubectl("delete", "driver/assistant", "-n", TENANT, "--timeout=120s");
      await closed;
      expect(await bus.accounts(TENANT)).not.toContain("assistant");
      expect((await tenant.consumers()).filter((name) => name.startsWith("assistant_"))).toEqual([]);
      expect(await tenant.streams()).not.toContain("KV_assistant");
      await expect(bus.connectWith(token)).rejects.toMatchObject({ name: "AuthorizationError" });
      await eventually(async () => (await podsOf("assistant")).length === 0, "no pods");
      const left = await list(
        "deployments,configmaps,serviceaccounts,networkpolicies",
        "-n",
        TENANT,
        "-l",
        "vextir.io/driver=assistant",
      );
      expect(left.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([]);
    } finally {
      await bus.close();
    }
  });

  test("made again under its name it is another, and works", async () => {
    await kubectl("apply", "-n", TENANT, "-f", `${quickstart}/assistant.yaml`);
    await driversReady("assistant");
  });
}

export function deletionOfTheNamespace() {
  test("it goes with all its Drivers, and none has an account any more", async () => {
    await removeTenant();
    const bus = await BusView.open();
    try {
      expect(await bus.accounts(TENANT)).toEqual([]);
    } finally {
      await bus.close();
    }
  });
}
