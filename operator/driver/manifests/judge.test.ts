import { describe, expect, test } from "@jest/globals";
import { Capabilities, Subscription } from "@vextir/api";
import { aManifest } from "../../testing/objects.ts";
import { judge, missingGrants, unsubscribed } from "./judge.ts";

const granted = Capabilities.parse({
  publish: ["chat.>"],
  call: ["toolbox.*", "*.verify"],
  observe: ["a.*", "live.x.>"],
  allowedHosts: ["*.example.org"],
});

describe("grants", () => {
  const table = [
    { reason: "a pattern covers a type", needs: { publish: ["chat.a.b"] }, missing: [] },
    { reason: "and a narrower pattern", needs: { publish: ["chat.*"] }, missing: [] },
    { reason: "not a wider one", needs: { publish: ["chat.a", ">"] }, missing: ["publish >"] },
    { reason: "a method of a granted driver", needs: { call: ["toolbox.time"] }, missing: [] },
    { reason: "a granted method of any driver", needs: { call: ["any.verify"] }, missing: [] },
    { reason: "not any method of any driver", needs: { call: ["*.*"] }, missing: ["call *.*"] },
    {
      reason: "live topics",
      needs: { observe: ["live.x.tokens", "live.y.z"] },
      missing: ["observe live.y.z"],
    },
    {
      reason: "hosts",
      needs: { allowedHosts: ["api.example.org", "*.a.example.org", "example.org", "api.example.org:80"] },
      missing: ["allowedHosts example.org, api.example.org:80"],
    },
    { reason: "a bucket", needs: { state: true }, missing: ["state"] },
  ];
  test.each(table)("$reason", ({ needs, missing }) => {
    expect(missingGrants(aManifest({ capabilities: needs }).capabilities, granted)).toEqual(missing);
  });
});

test("class comes before configuration, configuration before needs", () => {
  const file = { class: "Tool" as const, config: {}, secretNames: [], capabilities: granted };
  const config = { type: "object", required: ["a"] };
  const needs = { state: true };
  const reason = (manifest: Parameters<typeof aManifest>[0]) => {
    const verdict = judge(aManifest(manifest), file);
    return verdict.accepted ? "Accepted" : verdict.reason;
  };
  expect(reason({ class: "IO", config, capabilities: needs })).toBe("ClassMismatch");
  expect(reason({ class: "Tool", config, capabilities: needs })).toBe("ConfigInvalid");
  expect(reason({ class: "Tool", capabilities: needs })).toBe("CapabilitiesMissing");
  expect(reason({ class: "Tool" })).toBe("Accepted");
});

test("types that are handled and not subscribed to are found", () => {
  const manifest = aManifest({ subscriptions: [{ type: "a.b" }, { type: "c.d" }] });
  const subscriptions = [Subscription.parse({ types: ["a.*"] })];
  expect(unsubscribed(manifest, { subscriptions })).toEqual(["c.d"]);
});
