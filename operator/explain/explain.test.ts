import { describe, expect, test } from "@jest/globals";
import { DriverSpec, EventBusSpec, Manifest, TenantPolicySpec } from "@vextir/api";
import fc from "fast-check";
import type { z } from "zod";
import { BusError, type DriverAccess } from "../bus/authority.ts";
import { importsFor } from "../bus/imports.ts";
import { explain, readableSources } from "./explain.ts";
import { explainImport } from "./grants.ts";

type SpecInput = Partial<z.input<typeof DriverSpec>>;

function accessOf(input: SpecInput, peers: Record<string, string> = {}): DriverAccess {
  const { subscriptions, capabilities } = DriverSpec.parse({ class: "Agent", module: "x", ...input });
  const identity = { namespace: "team", name: "me", uid: "u" };
  return { ...identity, subscriptions, capabilities, peers: new Map(Object.entries(peers)) };
}

const bus = EventBusSpec.parse({});
const explained = (input: SpecInput, peers?: Record<string, string>) =>
  explain({ access: accessOf(input, peers), bus });
const line = (input: SpecInput, name: string, peers?: Record<string, string>) => {
  const found = explained(input, peers).grants.find((grant) => grant.line === name);
  return found && { ...found, imports: found.imports.map(({ from, subject }) => `${subject} from ${from}`) };
};

describe("each line, and what it alone brings", () => {
  const capabilities = {
    publish: ["mail.sent"],
    call: ["toolbox.time", "toolbox.*", "absent.x", "me.x", "*.verify", "@shop.x.y"],
    observe: ["chat.>", "live.toolbox.tokens"],
    state: true,
    models: ["small"],
    allowedHosts: ["example.org"],
    context: [{ collection: "notes", verbs: ["read" as const] }],
  };
  const driver = { capabilities, subscriptions: [{ types: ["a.b"] }] };
  const peers = { toolbox: "uid-1" };
  const table = [
    { name: "spec.capabilities.publish[0]", has: ["evt.me.*.mail.sent from bus"] },
    {
      name: "spec.capabilities.call[0]",
      has: ["wake.toolbox from bus"],
      remark: "covered by spec.capabilities.call[1]",
    },
    {
      name: "spec.capabilities.call[1]",
      has: ["call.toolbox.*.me from driver toolbox", "wake.toolbox from bus"],
    },
    { name: "spec.capabilities.call[2]", has: [], remark: "no Driver absent is there" },
    { name: "spec.capabilities.call[3]", has: [], remark: "its own: it reaches them without a grant" },
    {
      name: "spec.capabilities.call[4]",
      has: ["wake.toolbox from bus"],
      remark: "covered by spec.capabilities.call[1]",
    },
    {
      name: "spec.capabilities.call[5]",
      has: [],
      remark: "shop shares nothing of it: its EventBus must export it, and this one import it",
    },
    { name: "spec.capabilities.observe[0]", has: ["pub.*.*.chat.> from bus"] },
    { name: "spec.capabilities.observe[1]", has: ["live.toolbox.tokens from driver toolbox"] },
    { name: "spec.capabilities.models[0]", has: [], remark: "by the model's key" },
    { name: "spec.capabilities.allowedHosts[0]", has: [], remark: "by the egress proxy" },
    { name: "spec.capabilities.context[0]", has: [], remark: "by the context hub" },
  ];
  test.each(table)("$name", ({ name, has, remark }) => {
    expect(line(driver, name, peers)).toMatchObject({
      imports: has,
      ...(remark !== undefined && { remark }),
    });
  });

  test("a subscription and the bucket", () => {
    expect(line(driver, "spec.subscriptions[0]", peers)?.imports).toEqual([
      "BUS.API.CONSUMER.INFO.EVENTS.me_default from bus",
      "BUS.API.CONSUMER.MSG.NEXT.EVENTS.me_default from bus",
      "$JS.ACK.EVENTS.me_default.> from bus",
      "BUS.API.CONSUMER.INFO.DIRECTED.me_default from bus",
      "BUS.API.CONSUMER.MSG.NEXT.DIRECTED.me_default from bus",
      "$JS.ACK.DIRECTED.me_default.> from bus",
      "dlq.me.> from bus",
      "run.me.> from bus",
    ]);
    expect(line(driver, "spec.capabilities.state", peers)?.imports).toContain("$KV.me.> from bus");
  });
});

test("every import of the account stands at a line or under what every driver has, and nothing else does", () => {
  const token = fc.constantFrom("a", "b", "*");
  const pattern = fc.array(token, { minLength: 1, maxLength: 2 }).map((parts) => parts.join("."));
  const call = fc.tuple(fc.constantFrom("x", "y", "gone", "*", "me"), fc.constantFrom("m", "n", "*"));
  const spec = fc.record({
    publish: fc.array(pattern, { maxLength: 3 }),
    observe: fc.array(fc.oneof(pattern, fc.constantFrom("live.x.a", "live.y.>", "live.gone.a")), {
      maxLength: 3,
    }),
    call: fc.array(
      call.map((parts) => parts.join(".")),
      { maxLength: 4 },
    ),
    state: fc.boolean(),
    subscribed: fc.array(fc.boolean(), { maxLength: 3 }),
  });
  let compared = 0;
  fc.assert(
    fc.property(spec, ({ subscribed, ...capabilities }) => {
      const subscriptions = subscribed.map((deadLetter, index) => ({
        name: `s${index}`,
        types: ["a.b"],
        delivery: { deadLetter },
      }));
      const access = accessOf({ capabilities, subscriptions }, { x: "uid-x", y: "uid-y" });
      const told = explain({ access, bus });
      let has: string[];
      try {
        has = importsFor(access, readableSources(access)).map((one) => JSON.stringify(explainImport(one)));
      } catch (error) {
        expect(error).toBeInstanceOf(BusError);
        expect(told).toMatchObject({ grants: [], problem: (error as Error).message });
        return;
      }
      compared++;
      const listed = [...told.grants.flatMap(({ imports }) => imports), ...told.always];
      expect(new Set(listed.map((one) => JSON.stringify(one)))).toEqual(new Set(has));
      for (const { imports, remark } of told.grants)
        expect(imports.length > 0 || remark !== undefined).toBe(true);
    }),
    { numRuns: 1_000 },
  );
  expect(compared).toBeGreaterThan(200);
});

test("what the code needs stands with the lines that grant it", () => {
  const manifest = Manifest.parse({
    name: "code",
    version: "2.0.0",
    class: "Agent",
    subscriptions: [{ type: "a.b" }, { type: "c.d" }],
    capabilities: { publish: ["mail.sent", "chat.sent"], call: ["toolbox.time"], state: true },
  });
  const capabilities = { publish: ["mail.>", "mail.sent"], call: ["toolbox.*"] };
  const access = accessOf({ capabilities, subscriptions: [{ types: ["a.*"] }] });
  expect(explain({ access, bus, manifest }).needs).toEqual({
    manifest: "code 2.0.0",
    needs: [
      {
        need: "publish mail.sent",
        grantedBy: ["spec.capabilities.publish[0]", "spec.capabilities.publish[1]"],
      },
      { need: "publish chat.sent", grantedBy: [] },
      { need: "call toolbox.time", grantedBy: ["spec.capabilities.call[0]"] },
      { need: "state", grantedBy: [] },
    ],
    unsubscribed: ["c.d"],
  });
});

test("limits are those of the account, and policies stand with what they allow", () => {
  const access = { ...accessOf({}), quotas: { connections: 3 } };
  const spec = TenantPolicySpec.parse({
    classes: ["Agent"],
    inlineSource: "Deny",
    capabilities: { publish: [], state: false, context: [{ collection: "n", verbs: ["read"] }] },
    quotas: { connections: 3 },
  });
  expect(explain({ access, bus, policies: [{ name: "few", spec }] })).toMatchObject({
    limits: { connections: 3, payloadBytes: 1_048_576 },
    policies: [
      {
        name: "few",
        bounds: [
          { rule: "classes", allowed: "Agent" },
          { rule: "inlineSource", allowed: "Deny" },
          { rule: "capabilities.publish", allowed: "none" },
          { rule: "capabilities.context", allowed: "n: read of Caller" },
          { rule: "capabilities.state", allowed: "false" },
          { rule: "quotas.connections", allowed: "at most 3" },
        ],
      },
    ],
  });
});
