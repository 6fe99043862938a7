import type { ObjectStore } from "@vextir/cli/local/store/object-store.ts";
import { KINDS } from "@vextir/operator/kinds.ts";
import { MANAGED } from "@vextir/operator/labels.ts";

const DRIVER = { apiVersion: "vextir.io/v1alpha1", kind: "Driver" };

/** Applies a Driver as the operator has accepted it, and its ServiceAccount. @returns the account's uid. */
export function acceptDriver(
  store: ObjectStore,
  { namespace, name, context }: { namespace: string; name: string; context: object[] },
): string {
  const metadata = { namespace, name };
  const spec = { class: "Agent", module: "assistant", capabilities: { context } };
  const { uid = "", generation = 1 } = store.apply("folder", KINDS.Driver, {
    ...DRIVER,
    metadata,
    spec,
  }).metadata;
  const accepted = {
    type: "Accepted",
    status: "True",
    reason: "Valid",
    message: "",
    observedGeneration: generation,
  };
  store.applyStatus("operator", KINDS.Driver, { ...DRIVER, metadata, status: { conditions: [accepted] } });
  const account = store.apply("operator", KINDS.ServiceAccount, {
    ...{ apiVersion: "v1", kind: "ServiceAccount" },
    metadata: {
      ...{ namespace, name: `driver-${name}`, labels: { ...MANAGED } },
      ownerReferences: [{ ...DRIVER, name, uid, controller: true }],
    },
  });
  return account.metadata.uid ?? "";
}
