import { expect, test } from "@jest/globals";
import type { Driver } from "@vextir/api";
import { aDriver } from "../testing/objects.ts";
import { type DriverGrants, grantsOf } from "./grants.ts";

interface Seen {
  hosts: string[];
  /** Of the condition Accepted; its generation, where it is not the newest. */
  accepted?: "True" | "False" | "Unknown";
  reason?: string;
  judged?: number;
  deleted?: boolean;
  uid?: string;
}

function seen(
  { hosts, accepted = "True", reason = "Any", judged, deleted, uid = "u" }: Seen,
  generation: number,
): Driver {
  const deletion = deleted ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {};
  return aDriver({
    spec: { capabilities: { allowedHosts: hosts } },
    metadata: { uid, generation, ...deletion },
    status: {
      conditions: [
        {
          type: "Accepted",
          status: accepted,
          reason,
          message: "",
          lastTransitionTime: "",
          observedGeneration: judged ?? generation,
        },
      ],
    },
  });
}

const table: { reason: string; seen: Seen[]; want: string[] | undefined }[] = [
  { reason: "what is accepted", seen: [{ hosts: ["a.b", "c.d"] }], want: ["a.b", "c.d"] },
  { reason: "nothing before it is", seen: [{ hosts: ["a.b"], accepted: "Unknown" }], want: [] },
  { reason: "no addition before it is", seen: [{ hosts: ["a.b"] }, { hosts: ["a.b", "c.d"], judged: 1 }], want: ["a.b"] },
  { reason: "the addition when it is", seen: [{ hosts: ["a.b"] }, { hosts: ["a.b", "c.d"], judged: 1 }, { hosts: ["a.b", "c.d"] }], want: ["a.b", "c.d"] },
  { reason: "nothing that was taken out, accepted or not", seen: [{ hosts: ["a.b", "c.d"] }, { hosts: ["c.d"], judged: 1 }], want: ["c.d"] },
  { reason: "what was granted before a mistake elsewhere", seen: [{ hosts: ["a.b"] }, { hosts: ["a.b", "c.d"], accepted: "False", reason: "ConfigInvalid" }], want: ["a.b"] },
  { reason: "nothing against a policy, granted before or not", seen: [{ hosts: ["a.b"] }, { hosts: ["a.b"], accepted: "False", reason: "PolicyViolation" }], want: [] },
  { reason: "nothing in the operator's own namespace", seen: [{ hosts: ["a.b"], accepted: "False", reason: "ReservedNamespace" }], want: [] },
  { reason: "nothing of one that had the name before", seen: [{ hosts: ["a.b"] }, { hosts: ["a.b"], uid: "v", accepted: "Unknown" }], want: [] },
  { reason: "nothing of one that is being deleted", seen: [{ hosts: ["a.b"] }, { hosts: ["a.b"], deleted: true }], want: undefined },
]; // biome-ignore format: one history per line
test.each(table)("grants $reason", ({ seen: states, want }) => {
  let grants: DriverGrants | undefined;
  for (const [i, state] of states.entries()) grants = grantsOf(seen(state, i + 1), grants);
  expect(grants?.entries).toEqual(want);
});
