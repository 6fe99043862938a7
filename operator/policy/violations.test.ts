import { describe, expect, test } from "@jest/globals";
import { DriverSpec, EventBusSpec, matches, TenantPolicySpec } from "@vextir/api";
import fc from "fast-check";
import type { z } from "zod";
import { boundedBus } from "./bus-quotas.ts";
import { describeViolations } from "./violation.ts";
import { violations } from "./violations.ts";

type SpecInput = Partial<z.input<typeof DriverSpec>>;
type PolicyInput = z.input<typeof TenantPolicySpec>;

const RELEASE = "ghcr.io/vextir/driver:1";

function found(driver: SpecInput, policy: PolicyInput, rank = 0) {
  const spec = DriverSpec.parse({ class: "Tool", module: "toolbox", ...driver });
  const applied = [{ name: "team", spec: TenantPolicySpec.parse(policy) }];
  return violations({ spec, releaseImage: RELEASE, rank }, applied);
}
const fields = (driver: SpecInput, policy: PolicyInput, rank = 0) =>
  found(driver, policy, rank).map(({ field, value }) => `${field} = ${value}`);

const own = { image: "registry.example/team/a:1", module: "/app/driver.js" };
const containers = (...list: object[]) => ({ podTemplate: { spec: { containers: list } } });
const context = (verbs: ("read" | "write")[], users: "All" | "Caller", collection = "notes") => ({
  capabilities: { context: [{ collection, verbs, users }] },
});

describe("what is beyond a policy is named by its field and value", () => {
  const table: { reason: string; driver: SpecInput; policy: PolicyInput; rank?: number; beyond: string[] }[] = [
    { reason: "a policy that says nothing", driver: { capabilities: { publish: [">"] } }, policy: {}, beyond: [] },
    { reason: "its class", driver: {}, policy: { classes: ["Agent"] }, beyond: ["spec.class = Tool"] },
    { reason: "no class at all", driver: {}, policy: { classes: [] }, beyond: ["spec.class = Tool"] },
    {
      reason: "a priority class",
      driver: { podTemplate: { spec: { priorityClassName: "batch-high" } } },
      policy: { priorityClasses: ["batch-low", "team-*"] },
      beyond: ["spec.podTemplate.spec.priorityClassName = batch-high"],
    },
    {
      reason: "a priority class of a name that is meant",
      driver: { podTemplate: { spec: { priorityClassName: "team-high" } } },
      policy: { priorityClasses: ["batch-low", "team-*"] },
      beyond: [],
    },
    {
      reason: "no priority class, where none may be",
      driver: { podTemplate: { spec: {} } },
      policy: { priorityClasses: [] },
      beyond: [],
    },
    {
      reason: "what is no priority class",
      driver: { podTemplate: { spec: { priorityClassName: { a: 1 } } } },
      policy: { priorityClasses: [] },
      beyond: ["spec.podTemplate.spec.priorityClassName = [object Object]"],
    },
    {
      reason: "a type of several",
      driver: { capabilities: { publish: ["mail.sent", "chat.sent"] } },
      policy: { capabilities: { publish: ["mail.>"] } },
      beyond: ["spec.capabilities.publish[1] = chat.sent"],
    },
    {
      reason: "a pattern within another",
      driver: { capabilities: { publish: ["mail.*.a", "mail.>", "mail.x.>"] } },
      policy: { capabilities: { publish: ["mail.>"] } },
      beyond: [],
    },
    {
      reason: "a pattern wider than its bound",
      driver: { capabilities: { publish: ["mail.>", "*.sent"] } },
      policy: { capabilities: { publish: ["mail.*"] } },
      beyond: ["spec.capabilities.publish[0] = mail.>", "spec.capabilities.publish[1] = *.sent"],
    },
    {
      reason: "a subscription's type",
      driver: { subscriptions: [{ types: ["a.b"] }, { name: "two", types: ["c.d", "a.c"] }] },
      policy: { capabilities: { subscribe: ["a.>"] } },
      beyond: ["spec.subscriptions[1].types[0] = c.d"],
    },
    {
      reason: "live topics, which > does not mean",
      driver: { capabilities: { observe: ["a.b", "live.x.tokens"] } },
      policy: { capabilities: { observe: [">"] } },
      beyond: ["spec.capabilities.observe[1] = live.x.tokens"],
    },
    {
      reason: "every driver's live topics",
      driver: { capabilities: { observe: ["live.x.tokens", "live.y.>"] } },
      policy: { capabilities: { observe: ["live.*.>"] } },
      beyond: [],
    },
    {
      reason: "what another tenant shares, which no wildcard means",
      driver: { capabilities: { observe: ["@shop.order.paid", "@mail.a"], call: ["@shop.x.y"] } },
      policy: { capabilities: { observe: [">", "*.>", "@shop.order.>"], call: ["*.*"] } },
      beyond: ["spec.capabilities.observe[1] = @mail.a", "spec.capabilities.call[0] = @shop.x.y"],
    },
    {
      reason: "a call of every driver's method",
      driver: { capabilities: { call: ["toolbox.time", "*.time", "toolbox.*"] } },
      policy: { capabilities: { call: ["toolbox.*"] } },
      beyond: ["spec.capabilities.call[1] = *.time"],
    },
    {
      reason: "a bucket",
      driver: { capabilities: { state: true } },
      policy: { capabilities: { state: false } },
      beyond: ["spec.capabilities.state = true"],
    },
    { reason: "no bucket", driver: {}, policy: { capabilities: { state: false } }, beyond: [] },
    {
      reason: "a model",
      driver: { capabilities: { models: ["small-1", "large-1"] } },
      policy: { capabilities: { models: ["small-*"] } },
      beyond: ["spec.capabilities.models[1] = large-1"],
    },
    {
      reason: "a verb of a collection",
      driver: context(["read", "write"], "Caller"),
      policy: { capabilities: { context: [{ collection: "notes", verbs: ["read"], users: "All" }] } },
      beyond: ["spec.capabilities.context[0] = notes: write of Caller"],
    },
    {
      reason: "everybody's documents",
      driver: context(["read"], "All"),
      policy: { capabilities: { context: [{ collection: "*", verbs: ["read"] }] } },
      beyond: ["spec.capabilities.context[0] = notes: read of All"],
    },
    {
      reason: "verbs of several entries",
      driver: context(["read", "write"], "Caller", "notes-2"),
      policy: {
        capabilities: {
          context: [
            { collection: "notes-*", verbs: ["read"] },
            { collection: "*", verbs: ["write"] },
          ],
        },
      },
      beyond: [],
    },
    {
      reason: "an image",
      driver: { image: "evil.example/x", module: "/x.js" },
      policy: { images: ["registry.example/**"] },
      beyond: ["spec.image = evil.example/x"],
    },
    { reason: "the release's image, named", driver: { image: RELEASE }, policy: { images: [] }, beyond: [] },
    { reason: "an image of one's own, none allowed", driver: own, policy: { images: [] }, beyond: [`spec.image = ${own.image}`] },
    {
      reason: "the image of a container beside",
      driver: containers({ name: "driver" }, { name: "side", image: "evil.example/x" }),
      policy: { images: ["registry.example/*"] },
      beyond: ["spec.podTemplate.spec.containers[side].image = evil.example/x"],
    },
    {
      reason: "fields of podTemplate",
      driver: {
        podTemplate: {
          metadata: { labels: { "example.org/a.b": "c" } },
          spec: { priorityClassName: "high", containers: [{ name: "driver", resources: { limits: { cpu: 1 } } }] },
        },
      },
      policy: { podTemplate: ["spec.containers.resources", "metadata.labels.example"] },
      beyond: [
        "spec.podTemplate = metadata.labels.example.org/a.b",
        "spec.podTemplate = spec.priorityClassName",
      ],
    },
    { reason: "an empty podTemplate", driver: { podTemplate: {} }, policy: { podTemplate: [] }, beyond: [] },
    { reason: "the second of one driver", driver: {}, policy: { quotas: { drivers: 1 } }, rank: 1, beyond: ["metadata.name = Driver 2 of its namespace"] },
    { reason: "the first of one driver", driver: {}, policy: { quotas: { drivers: 1 } }, beyond: [] },
    { reason: "replicas", driver: { replicas: 3 }, policy: { quotas: { replicas: 2 } }, beyond: ["spec.replicas = 3"] },
    {
      reason: "replicas by scaling",
      driver: { replicas: 1, scaling: { maxReplicaCount: 9 } },
      policy: { quotas: { replicas: 2 } },
      beyond: ["spec.scaling.maxReplicaCount = 9"],
    },
  ]; // biome-ignore format: a table
  test.each(table)("$reason", ({ driver, policy, rank, beyond }) => {
    expect(fields(driver, policy, rank)).toEqual(beyond);
  });
});

describe("images", () => {
  const table = [
    { bound: "registry.example/team/*", image: "registry.example/team/a:1", fits: true },
    { bound: "registry.example/team/*", image: "registry.example/team/a/b:1", fits: false },
    { bound: "registry.example/team/**", image: "registry.example/team/a/b:1", fits: true },
    { bound: "registry.example/team/*", image: "registry.example/team-evil/a:1", fits: false },
    { bound: "registry.example/*", image: "registryXexample/a", fits: false },
    { bound: "registry.example/a", image: "registry.example/a:latest", fits: false },
    { bound: "registry.example/a:1.*", image: "registry.example/a:1.2", fits: true },
    { bound: "*/a", image: "evil.example/b/a", fits: false },
    { bound: "**", image: "anything/at/all@sha256:0", fits: true },
    { bound: "registry.example/a", image: "registry.example/a\nx", fits: false },
  ];
  test.each(table)("$bound means $image: $fits", ({ bound, image, fits }) => {
    expect(fields({ image, module: "/x.js" }, { images: [bound] }).length === 0).toBe(fits);
  });
});

describe("hosts", () => {
  const table = [
    { bound: "example.org", host: "example.org", fits: true },
    { bound: "example.org", host: "EXAMPLE.org:443", fits: true },
    { bound: "example.org", host: "example.org:8443", fits: false },
    { bound: "example.org:*", host: "example.org:8443", fits: true },
    { bound: "*.example.org", host: "a.b.example.org", fits: true },
    { bound: "*.example.org", host: "*.b.example.org", fits: true },
    { bound: "*.example.org", host: "example.org", fits: false },
    { bound: "*.example.org", host: "evilexample.org", fits: false },
    { bound: "*", host: "anything.example", fits: true },
    { bound: "*", host: "*.example", fits: true },
    { bound: "*", host: "10.1.2.3", fits: false },
    { bound: "*:*", host: "10.1.2.3:8080", fits: false },
    { bound: "10.1.2.3:8080", host: "10.1.2.3:8080", fits: true },
    { bound: "10.1.2.3", host: "10.1.2.3:8080", fits: false },
    { bound: "*", host: "[::1]:443", fits: false },
    { bound: "[fd00::1]:8080", host: "[fd00::1]:8080", fits: true },
    { bound: "[fd00::1]:8080", host: "[fd00:0:0::1]:8080", fits: true },
    { bound: "*", host: "private:db.example", fits: false },
    { bound: "private:*.example", host: "private:db.example", fits: true },
    { bound: "private:*.example", host: "db.example", fits: true },
  ];
  test.each(table)("$bound covers $host: $fits", ({ bound, host, fits }) => {
    const driver = { capabilities: { allowedHosts: [host] } };
    expect(fields(driver, { capabilities: { allowedHosts: [bound] } }).length === 0).toBe(fits);
  });
});

describe("inlineSource: Deny leaves code of images alone", () => {
  const image = own.image;
  const table: { reason: string; driver: SpecInput; refused: string | undefined }[] = [
    { reason: "a built-in", driver: {}, refused: undefined },
    { reason: "a file of an image", driver: own, refused: undefined },
    { reason: "an inline source", driver: { module: undefined, source: { inline: "x" } }, refused: "spec.source" },
    { reason: "a ConfigMap", driver: { module: undefined, source: { configMapRef: { name: "x" } } }, refused: "spec.source" },
    { reason: "a Secret's file", driver: { image, module: "/etc/vextir/secrets/a.js" }, refused: "spec.module" },
    { reason: "a Secret's file, in a roundabout way", driver: { image, module: "/app/../etc/vextir/secrets/a" }, refused: "spec.module" },
    { reason: "the process's own root", driver: { image, module: "/proc/self/root/tmp/a.js" }, refused: "spec.module" },
    { reason: "a path from nobody knows where", driver: { image, module: "./a.js" }, refused: "spec.module" },
    { reason: "a path in the release's image", driver: { module: "/tmp/a.js" }, refused: "spec.module" },
    { reason: "Node's options", driver: { env: [{ name: "NODE_OPTIONS", value: "--import=data:text/javascript,1" }] }, refused: "spec.env[NODE_OPTIONS]" },
    { reason: "another variable", driver: { env: [{ name: "MODE", value: "x" }] }, refused: undefined },
    { reason: "a library by OpenSSL's configuration", driver: { env: [{ name: "OPENSSL_CONF", value: "/etc/vextir/secrets/conf" }] }, refused: "spec.env[OPENSSL_CONF]" },
    { reason: "Java's options by their other name", driver: { env: [{ name: "_JAVA_OPTIONS", value: "-javaagent:x" }] }, refused: "spec.env[_JAVA_OPTIONS]" },
    { reason: "a prefix of OpenSSL's", driver: { envFrom: [{ prefix: "OPEN", configMapRef: { name: "x" } }] }, refused: "spec.envFrom[0]" },
    { reason: "variables of unknown names", driver: { envFrom: [{ secretRef: { name: "x" } }] }, refused: "spec.envFrom[0]" },
    { reason: "variables behind a prefix", driver: { envFrom: [{ prefix: "MAIL_", secretRef: { name: "x" } }] }, refused: undefined },
    { reason: "a prefix of Node's", driver: { envFrom: [{ prefix: "NODE", secretRef: { name: "x" } }, { prefix: "NODE_", secretRef: { name: "x" } }] }, refused: "spec.envFrom[0],spec.envFrom[1]" },
    { reason: "a short prefix", driver: { envFrom: [{ prefix: "NOD", secretRef: { name: "x" } }] }, refused: "spec.envFrom[0]" },
    { reason: "arguments of another image", driver: { ...own, args: ["-e", "x"] }, refused: "spec.args" },
    { reason: "arguments of the release's image", driver: { args: ["x"] }, refused: undefined },
    { reason: "a command", driver: containers({ name: "driver", command: ["node", "-e", "x"] }), refused: "command" },
    { reason: "a hook's command", driver: containers({ name: "driver", lifecycle: { preStop: { exec: { command: ["x"] } } } }), refused: "lifecycle" },
    { reason: "a hook that asks", driver: containers({ name: "driver", lifecycle: { preStop: { httpGet: { port: 1 } } } }), refused: undefined },
    { reason: "a probe's command beside", driver: containers({ name: "side", image, livenessProbe: { exec: { command: ["x"] } } }), refused: "livenessProbe" },
    { reason: "arguments beside", driver: containers({ name: "side", image: RELEASE, args: ["-e"] }), refused: "args" },
    {
      reason: "a ConfigMap over the image's files",
      driver: { podTemplate: { spec: { volumes: [{ name: "v", configMap: { name: "x" } }], containers: [{ name: "driver", volumeMounts: [{ name: "v", mountPath: "/app" }] }] } } },
      refused: "volumeMounts[v]",
    },
    {
      reason: "an empty folder",
      driver: { podTemplate: { spec: { volumes: [{ name: "v", emptyDir: {} }], containers: [{ name: "driver", volumeMounts: [{ name: "v", mountPath: "/cache" }] }] } } },
      refused: undefined,
    },
  ]; // biome-ignore format: a table
  test.each(table)("$reason", ({ driver, refused }) => {
    const told = found(driver, { inlineSource: "Deny" });
    expect(told.every(({ rule }) => rule === "inlineSource")).toBe(true);
    if (refused === undefined) expect(told).toEqual([]);
    else expect(told.map(({ field }) => field).join()).toContain(refused);
  });
});

test("a podTemplate without end is looked at to a depth, and refused", () => {
  let deep: unknown = "x";
  for (let i = 0; i < 5_000; i++) deep = { a: deep };
  expect(fields({ podTemplate: { spec: deep as object } }, { podTemplate: [] })).toHaveLength(1);
  expect(found({ podTemplate: { spec: deep as object } }, { inlineSource: "Deny" })).toEqual([]);
});

test("nothing passes that publishes a type beyond the bound", () => {
  const token = fc.constantFrom("a", "b", "*");
  const pattern = fc
    .tuple(fc.array(token, { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([parts, tail]) => [...parts, ...(tail ? [">"] : [])].join("."));
  const types = ["a", "b", "c"].flatMap((x) => [x, ...["a", "b", "c"].flatMap((y) => [`${x}.${y}`, `${x}.${y}.a`, `${x}.${y}.c.d`])]); // biome-ignore format: a list
  let passed = 0;
  fc.assert(
    fc.property(
      fc.array(pattern, { maxLength: 3 }),
      fc.array(pattern, { maxLength: 3 }),
      (publish, bound) => {
        const refused = new Set(
          found({ capabilities: { publish } }, { capabilities: { publish: bound } }).map(
            ({ value }) => value,
          ),
        );
        for (const grant of publish.filter((grant) => !refused.has(grant))) {
          passed++;
          for (const type of types.filter((type) => matches(grant, type)))
            expect(bound.some((entry) => matches(entry, type))).toBe(true);
        }
      },
    ),
    { numRuns: 2_000 },
  );
  expect(passed).toBeGreaterThan(100);
});

test("a bus is as large as its EventBus says, and no larger than the lowest of its policies", () => {
  const quotas = (name: string, sizes: PolicyInput["quotas"]) => ({
    name,
    spec: TenantPolicySpec.parse({ quotas: sizes }),
  });
  const spec = EventBusSpec.parse({ events: { maxBytes: "4Gi" }, state: { maxBytes: "16Mi" } });
  expect(boundedBus(spec, [])).toEqual({ spec, limited: [] });
  const policies = [
    quotas("a", { eventBytes: "3Gi", stateBytes: "1Gi" }),
    quotas("b", { eventBytes: "2048Mi" }),
  ];
  expect(boundedBus(spec, policies)).toEqual({
    spec: { ...spec, events: { ...spec.events, maxBytes: "2048Mi" } },
    limited: ["spec.events.maxBytes to 2048Mi by TenantPolicy b"],
  });
});

test("a bus shares with whom its policies let it, and with nobody else", () => {
  const share = (name: string, to: string[]) => ({ name, types: ["a.b"], to });
  const spec = EventBusSpec.parse({
    exports: [share("one", ["shop", "mail-1"]), share("two", ["shop"])],
    imports: [
      { namespace: "shop", name: "x" },
      { namespace: "mail-2", name: "x" },
    ],
  });
  const policy = (name: string, sharing: PolicyInput["sharing"]) => ({
    name,
    spec: TenantPolicySpec.parse({ sharing }),
  });
  const mail = policy("mail", { to: ["mail-*"], from: ["mail-*", "shop"] });
  const { spec: bounded, limited } = boundedBus(spec, [mail, policy("few", { from: ["mail-2"] })]);
  expect(bounded.exports).toMatchObject([{ name: "one", to: ["mail-1"] }]);
  expect(bounded.imports).toEqual([{ namespace: "mail-2", name: "x" }]);
  expect(limited).toEqual([
    "spec.exports[one] without shop by TenantPolicy mail",
    "spec.exports[two] without shop by TenantPolicy mail",
    "spec.imports without shop by TenantPolicy few",
  ]);
  expect(boundedBus(spec, [policy("none", {})])).toEqual({ spec, limited: [] });
});

test("of several policies all hold, and the message names each", () => {
  const spec = DriverSpec.parse({
    class: "Tool",
    module: "x",
    capabilities: { publish: ["a.b"], call: ["x.y"] },
  });
  const policy = (name: string, input: PolicyInput) => ({ name, spec: TenantPolicySpec.parse(input) });
  const told = violations({ spec, releaseImage: RELEASE, rank: 0 }, [
    policy("one", { capabilities: { publish: ["c"] } }),
    policy("two", { capabilities: { call: [] } }),
  ]);
  expect(describeViolations(told)).toBe(
    "TenantPolicy one: spec.capabilities.publish[0]: a.b is beyond capabilities.publish (c); " +
      "TenantPolicy two: spec.capabilities.call[0]: x.y is beyond capabilities.call (none)",
  );
});
