import { expect, test } from "@jest/globals";
import type { Driver } from "@vextir/api";
import { type HubGrant, hubGrantsOf } from "./grants.ts";

const notes: HubGrant = { collection: "notes", verbs: ["read", "write"], users: "Caller" };

function driver(
  context: HubGrant[],
  accepted: { status: "True" | "False"; reason?: string; at?: number } | undefined,
  metadata: object = {},
): Driver {
  const { status, reason = "Valid", at = 2 } = accepted ?? {};
  const condition = { type: "Accepted", status, reason, message: "", observedGeneration: at };
  return {
    metadata: { name: "d", namespace: "team", uid: "u", generation: 2, ...metadata },
    spec: { capabilities: { context } },
    status: { conditions: accepted ? [condition] : [] },
  } as unknown as Driver;
}

const before = { uid: "u", grants: [notes] };
const wider: HubGrant = { collection: "notes", verbs: ["read", "write", "search"], users: "Caller" };

test.each([
  { reason: "accepted as it is", is: driver([wider], { status: "True" }), want: [wider] },
  { reason: "another verb, not judged yet", is: driver([wider], { status: "True", at: 1 }), want: [notes] },
  {
    reason: "everybody's instead of the caller's, not judged yet",
    is: driver([{ ...notes, users: "All" }], { status: "True", at: 1 }),
    want: undefined,
  },
  {
    reason: "one verb taken out, not judged yet",
    is: driver([{ ...notes, verbs: ["read"] }], { status: "True", at: 1 }),
    want: [{ ...notes, verbs: ["read"] }],
  },
  {
    reason: "beyond its policy",
    is: driver([notes], { status: "False", reason: "PolicyViolation" }),
    want: undefined,
  },
  {
    reason: "wrong otherwise: what was granted stays",
    is: driver([notes], { status: "False", reason: "Invalid" }),
    want: [notes],
  },
  {
    reason: "being deleted",
    is: driver([notes], { status: "True" }, { deletionTimestamp: "now" }),
    want: undefined,
  },
  {
    reason: "another one of its name, not judged",
    is: driver([notes], undefined, { uid: "v" }),
    want: undefined,
  },
  { reason: "nothing granted", is: driver([], { status: "True" }), want: undefined },
])("$reason", ({ is, want }) => {
  expect(hubGrantsOf(is, before)?.grants).toEqual(want);
});
