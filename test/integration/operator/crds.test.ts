import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  API_VERSION,
  DriverName,
  DriverSpec,
  EventBusSpec,
  ModelSpec,
  TenantPolicySpec,
  ToolServerSpec,
} from "@vextir/api";
import { generateCrds, staleCrds } from "@vextir/api/crd/generate.ts";
import fc from "fast-check";
import { parse } from "yaml";
import { type ApiServer, startApiServer } from "../../fixtures/kube.ts";

const crds = join(import.meta.dirname, "../../../crds");
let server: ApiServer;
let namespace: string;

beforeAll(async () => {
  server = await startApiServer();
  await server.applyCrds(crds);
  namespace = await server.namespace();
});
afterAll(() => server?.stop());

const collection = (plural: string) => `/apis/${API_VERSION}/namespaces/${namespace}/${plural}`;
const PATHS = {
  Driver: () => collection("drivers"),
  EventBus: () => collection("eventbuses"),
  Model: () => collection("models"),
  ToolServer: () => collection("toolservers"),
  TenantPolicy: () => `/apis/${API_VERSION}/tenantpolicies`,
};

/** What the API server would store; nothing is kept. */
async function create(kind: keyof typeof PATHS, name: string, spec?: unknown) {
  const path = `${PATHS[kind]()}?dryRun=All`;
  return server.request("POST", path, { apiVersion: API_VERSION, kind, metadata: { name }, spec });
}

const minimal = { class: "IO", module: "gateway" };
const subscription = { types: ["a.b"] };

test("crds/ is what the schemas say", () => {
  expect(staleCrds(crds)).toEqual([]);
});

test("kubectl explain has words for every field", () => {
  const silent = (schema: Schema, path: string): string[] =>
    Object.entries(schema.properties ?? {}).flatMap(([name, member]) => [
      ...(member.description || name === "metadata" ? [] : [`${path}.${name}`]),
      ...silent(member, `${path}.${name}`),
      ...silent(member.items ?? {}, `${path}.${name}[]`),
    ]);
  for (const [file, text] of generateCrds()) {
    const [version] = parse(text).spec.versions;
    expect(silent(version.schema.openAPIV3Schema, file)).toEqual([]);
  }
});

interface Schema {
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
}

describe("a Driver that can't be right is refused with the field's name", () => {
  const named = "a".repeat(41);
  const table: { reason: string; name?: string; spec?: object; field: string }[] = [
    { reason: "a name of 41 characters", name: named, spec: minimal, field: "metadata.name" },
    { reason: "a name with a dot", name: "a.b", spec: minimal, field: "metadata.name" },
    { reason: "a name that begins with a digit", name: "1a", spec: minimal, field: "metadata.name" },
    { reason: "no spec", field: "spec: Required" },
    { reason: "no class", spec: { module: "x" }, field: "spec.class: Required" },
    { reason: "an unknown class", spec: { class: "Robot", module: "x" }, field: "spec.class: Unsupported" },
    { reason: "nothing to run", spec: { class: "IO" }, field: "set module or source" },
    {
      reason: "two things to run",
      spec: { ...minimal, source: { inline: "x" } },
      field: "spec.module",
    },
    { reason: "an empty source", spec: { class: "IO", source: {} }, field: "spec.source" },
    {
      reason: "a type pattern with > in the middle",
      spec: { ...minimal, subscriptions: [{ types: ["a.>.b"] }] },
      field: "spec.subscriptions[0].types[0]",
    },
    {
      reason: "a subscription to a live topic",
      spec: { ...minimal, subscriptions: [{ types: ["live.a.b"] }] },
      field: "spec.subscriptions[0].types[0]",
    },
    {
      reason: "a live topic of any driver",
      spec: { ...minimal, capabilities: { observe: ["live.*.x"] } },
      field: "spec.capabilities.observe[0]",
    },
    {
      reason: "a call without a method",
      spec: { ...minimal, capabilities: { call: ["toolbox"] } },
      field: "spec.capabilities.call[0]",
    },
    {
      reason: "two subscriptions of one name",
      spec: { ...minimal, subscriptions: [subscription, subscription] },
      field: "spec.subscriptions[1]",
    },
    {
      reason: "more lanes than a driver may have together",
      spec: {
        ...minimal,
        subscriptions: [
          { name: "a", types: ["a"], ordering: "ByKey", lanes: 49 },
          { name: "b", types: ["b"], ordering: "ByKey" },
        ],
      },
      field: "spec.subscriptions",
    },
    {
      reason: "more lanes than there are partitions",
      spec: { ...minimal, subscriptions: [{ types: ["a"], ordering: "ByKey", lanes: 65 }] },
      field: "spec.subscriptions[0].lanes",
    },
    {
      reason: "an ackWait that is no duration",
      spec: { ...minimal, subscriptions: [{ types: ["a"], delivery: { ackWait: "30" } }] },
      field: "spec.subscriptions[0].delivery.ackWait",
    },
    {
      reason: "the port of health",
      spec: { ...minimal, ports: [{ name: "a", containerPort: 9464 }] },
      field: "spec.ports[0].containerPort",
    },
    {
      reason: "one port number twice",
      spec: {
        ...minimal,
        ports: [
          { name: "a", containerPort: 80 },
          { name: "b", containerPort: 80 },
        ],
      },
      field: "spec.ports",
    },
    {
      reason: "a variable that belongs to the runtime",
      spec: { ...minimal, env: [{ name: "VEXTIR_BUS_URL", value: "nats://evil" }] },
      field: "spec.env[0].name",
    },
    {
      reason: "fewest pods above most pods",
      spec: { ...minimal, scaling: { minReplicaCount: 5, maxReplicaCount: 2 } },
      field: "spec.scaling.minReplicaCount",
    },
    { reason: "replicas of another type", spec: { ...minimal, replicas: "two" }, field: "spec.replicas" },
    {
      reason: "a secret's key with a path in it",
      spec: { ...minimal, configSecretRefs: [{ name: "k", secretKeyRef: { name: "s", key: "../x" } }] },
      field: "spec.configSecretRefs[0].secretKeyRef.key",
    },
  ];
  test.each(table)("$reason", async ({ name = "d", spec, field }) => {
    const answer = await create("Driver", name, spec);
    expect(answer.body.message).toContain(field);
    expect(answer.status).toBe(422);
  });

  test("an EventBus that is not named default", async () => {
    const answer = await create("EventBus", "other");
    expect(answer.status).toBe(422);
    expect(answer.body.message).toContain("metadata.name");
  });
});

describe("the API server and zod agree", () => {
  const full = {
    class: "Agent",
    image: "example.org/x:1",
    source: { configMapRef: { name: "code" } },
    args: ["--x"],
    env: [
      { name: "A", value: "1" },
      { name: "B", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    ],
    envFrom: [{ configMapRef: { name: "x" } }],
    config: { nested: { deep: [1, "two", { three: true }] } },
    configSecretRefs: [{ name: "apiKey", secretKeyRef: { name: "s", key: "k" } }],
    ports: [{ name: "http", containerPort: 8080 }],
    subscriptions: [
      {
        name: "one",
        types: ["a.*", "b.>"],
        filters: [{ exact: { source: "x" } }],
        delivery: { ackWait: "5s" },
      },
      { types: [">"], ordering: "ByKey", lanes: 48, delivery: { backoff: [], maxDeliver: 1 } },
      { name: "two", types: ["c"], ordering: "ByKey" },
    ],
    capabilities: {
      publish: ["c.d"],
      call: ["toolbox.*"],
      observe: ["a.>", "live.other.tokens"],
      state: true,
      context: [{ collection: "notes", verbs: ["read"] }],
      models: ["m"],
      allowedHosts: ["example.org"],
    },
    replicas: 2,
    scaling: { minReplicaCount: 1, maxReplicaCount: 3, idleReplicaCount: 0 },
    resources: { limits: { cpu: "1" } },
    nodeSelector: { a: "b" },
    tolerations: [{ key: "x", operator: "Exists" }],
    affinity: { nodeAffinity: {} },
    serviceAccount: { annotations: { a: "b" } },
    podTemplate: { metadata: { labels: { a: "b" } }, spec: { priorityClassName: "high" } },
    terminationGracePeriodSeconds: 60,
  };

  test.each([
    ["a minimal Driver", minimal],
    ["a Driver that says everything", full],
    ["an inline source", { class: "Tool", source: { inline: "export default 1" } }],
  ])("on the defaults of %s", async (_, spec) => {
    const answer = await create("Driver", "d", spec);
    expect(answer.body.spec ?? answer.body.message).toEqual(DriverSpec.parse(spec));
  });

  test("on the defaults of an EventBus without a spec", async () => {
    const answer = await create("EventBus", "default");
    expect(answer.body.spec).toEqual(EventBusSpec.parse({}));
  });

  /** Every place in the full spec, and values that may or may not fit there. */
  const places = pathsOf(full);
  const odd = fc.constantFrom<unknown>(
    "", "a", "A", "a.b", "a..b", "*", ">", "a.>", "live", "live.a", "live.a.b", "live.*.b", "live.a.>", "1a", "a-", "-a", "a_b",
    "é", "a b", "30s", "1m30s", "1.5h", "30", "s", "VEXTIR_X", "health", "Agent", "ByKey", "UDP", "read", "All",
    "a".repeat(41), "a".repeat(64), "a".repeat(201), "../x", "a/b", "toolbox.time", "*.time", "a.b.c", "\n", "a\n",
    0, 1, -1, 1.5, 9464, 65_535, 65_536, 1_001, 3_601, 2 ** 31, true, false,
    [], ["a"], [[]], {}, { a: 1 }, { inline: "x" }, [{}], [{ name: "a" }], [{ types: ["a"] }, { types: ["b"] }],
    undefined,
  ); // biome-ignore format: a list of odd values
  const change = fc.tuple(fc.constantFrom(...places), odd);

  test("on which Drivers to refuse, and on what is stored of the others", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const spec = structuredClone(full) as Record<string, unknown>;
        for (const [path, value] of changes) put(spec, path, value);
        const mine = DriverSpec.safeParse(JSON.parse(JSON.stringify(spec)));
        const answer = await create("Driver", "d", spec);
        if (mine.success) expect(answer.body.spec ?? answer.body.message).toEqual(mine.data);
        else expect({ status: answer.status, mine: mine.error.issues }).toMatchObject({ status: 422 });
      }),
      { numRuns: 1_500 },
    );
  });

  const policy = {
    namespaceSelector: {
      matchLabels: { team: "mail", "example.org/tier": "" },
      matchExpressions: [
        { key: "a", operator: "In", values: ["b"] },
        { key: "c.d/e", operator: "Exists" },
      ],
    },
    classes: ["Agent"],
    images: ["registry.example/team/*", "**"],
    inlineSource: "Deny",
    podTemplate: ["metadata.labels", "spec.containers.resources"],
    capabilities: {
      publish: ["a.>"],
      subscribe: [">"],
      observe: ["a.*", "live.*.>", "live.x.y"],
      call: ["*.*", "toolbox.time"],
      context: [{ collection: "notes-*", verbs: ["read"] }],
      models: ["small-*"],
      allowedHosts: ["*.example.org", "*:*", "10.0.0.1:80", "private:a.example"],
      state: false,
    },
    sharing: { to: [], from: ["team-*"] },
    quotas: { drivers: 0, replicas: 3, connections: 1, subscriptions: 16, eventBytes: "1Gi" },
  };

  test.each([
    ["no TenantPolicy's spec", undefined],
    ["an empty TenantPolicy", {}],
    ["a TenantPolicy that says everything", policy],
  ])("on the defaults of %s", async (_, spec) => {
    const answer = await create("TenantPolicy", "p", spec);
    expect(answer.body.spec ?? answer.body.message).toEqual(TenantPolicySpec.parse(spec ?? {}));
  });

  test("on which TenantPolicies to refuse, and on what is stored of the others", async () => {
    const text = fc.constantFrom<unknown>(
      "", "a", "A", "a/b", "a.b/c", "-a", "a b", "é", "*", "**", "a*", "a**b", "*a", ">", "a.>", "live.*.x", "live.x", "*.*",
      "Agent", "Deny", "NotIn", "Exists", "spec", "spec.a", "status.a", "host:0", "host:1", "host:*", "*.host", "10.0.0.1", "[::1]:1",
      "read", "All", "x".repeat(64), "x".repeat(201), "x".repeat(501), 0, 1, -1, 15, 16, 1.5, 2_001, true, false,
      [], ["a"], [[]], {}, { a: "b" }, { "-": "b" }, { "a/b": "é" }, [{ key: "a", operator: "In" }], [{}], undefined,
    ); // biome-ignore format: a list of odd values
    const places = pathsOf(policy);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...places), text), { minLength: 1, maxLength: 2 }),
        async (changes) => {
          const spec = structuredClone(policy) as Record<string, unknown>;
          for (const [path, value] of changes) put(spec, path, value);
          const mine = TenantPolicySpec.safeParse(JSON.parse(JSON.stringify(spec)));
          const answer = await create("TenantPolicy", "p", spec);
          if (mine.success) expect(answer.body.spec ?? answer.body.message).toEqual(mine.data);
          else expect({ status: answer.status, mine: mine.error.issues }).toMatchObject({ status: 422 });
        },
      ),
      { numRuns: 800 },
    );
  });

  const model = {
    provider: "OpenAICompatible",
    endpoint: "https://models.example.org/v1",
    model: "m",
    kind: "Chat",
    api: "Responses",
    apiKeySecretRef: { name: "key" },
    contextWindow: 8_192,
    maxOutputTokens: 1_024,
    features: ["Tools"],
    price: { inputPerMillionTokens: "0.15" },
    limits: { requestsPerMinute: 10, perUser: { dollarsPerDay: "1.50" } },
  };

  test("on which Models to refuse, and on what is stored of the others", async () => {
    const text = fc.constantFrom<unknown>(
      "", "a", "A", "OpenAI", "Chat", "Embedding", "http://a", "http://a:1/x", "https://a@b", "https://a?b", "ftp://a", "0", "1.5", "1.", "-1",
      "1.1234567", "x".repeat(201), "x".repeat(501), 0, 1, -1, 1.5, 1_000_000_001, true, [], ["Vision"], ["Sound"], {}, { name: "a" }, undefined,
    ); // biome-ignore format: a list of odd values
    const places = pathsOf(model);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...places), text), { minLength: 1, maxLength: 2 }),
        async (changes) => {
          const spec = structuredClone(model) as Record<string, unknown>;
          for (const [path, value] of changes) put(spec, path, value);
          const mine = ModelSpec.safeParse(JSON.parse(JSON.stringify(spec)));
          const answer = await create("Model", "m", spec);
          if (mine.success) expect(answer.body.spec ?? answer.body.message).toEqual(mine.data);
          else expect({ status: answer.status, mine: mine.error.issues }).toMatchObject({ status: 422 });
        },
      ),
      { numRuns: 300 },
    );
  });

  const toolServer = {
    protocol: "MCP",
    url: "https://mcp.example.org/mcp",
    credential: { secretRef: { name: "key" }, header: "X-Key", scheme: "" },
    tools: ["search"],
    allowedHosts: ["private:mcp.example.org"],
    timeoutSeconds: 10,
    maxAnswerBytes: 65_536,
    replicas: 2,
  };

  test("on which ToolServers to refuse, and on what is stored of the others", async () => {
    const text = fc.constantFrom<unknown>(
      "", "a", "A", "MCP", "a b", "http://a", "http://a:1/x?y=1", "https://a@b", "https://a#b", "ftp://a", "x".repeat(51), "x".repeat(101),
      "x".repeat(501), 0, 1, -1, 1.5, 601, 1_024, true, [], ["search"], ["*"], [""], {}, { name: "a" }, undefined,
    ); // biome-ignore format: a list of odd values
    const places = pathsOf(toolServer);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...places), text), { minLength: 1, maxLength: 2 }),
        async (changes) => {
          const spec = structuredClone(toolServer) as Record<string, unknown>;
          for (const [path, value] of changes) put(spec, path, value);
          const mine = ToolServerSpec.safeParse(JSON.parse(JSON.stringify(spec)));
          const answer = await create("ToolServer", "m", spec);
          if (mine.success) expect(answer.body.spec ?? answer.body.message).toEqual(mine.data);
          else expect({ status: answer.status, mine: mine.error.issues }).toMatchObject({ status: 422 });
        },
      ),
      { numRuns: 300 },
    );
  });

  test("on names", async () => {
    const text = fc.oneof(
      fc.stringMatching(/^[a-z0-9-]{1,42}$/),
      fc.constantFrom("a", "A", "a.b", "-", "a-", "1", "a_b", "a".repeat(40), "a".repeat(41)),
    );
    await fc.assert(
      fc.asyncProperty(text, async (name) => {
        const answer = await create("Driver", name, minimal);
        expect(answer.status < 300).toBe(DriverName.safeParse(name).success);
      }),
      { numRuns: 100 },
    );
  });
});

type Path = (string | number)[];

function pathsOf(value: unknown, path: Path = []): Path[] {
  const below =
    value !== null && typeof value === "object"
      ? Object.entries(value).flatMap(([key, part]) =>
          pathsOf(part, [...path, Array.isArray(value) ? Number(key) : key]),
        )
      : [];
  return path.length > 0 ? [path, ...below] : below;
}

/** Sets what stands at the path, where the way there still exists. */
function put(root: Record<string, unknown>, path: Path, value: unknown): void {
  const last = path.at(-1);
  let place: unknown = root;
  for (const key of path.slice(0, -1)) place = (place as Record<string, unknown> | undefined)?.[key];
  if (place === null || typeof place !== "object" || last === undefined) return;
  if (value === undefined && !Array.isArray(place)) delete (place as Record<string, unknown>)[last];
  else if (value !== undefined) (place as Record<string, unknown>)[last] = value;
}

test("/scale reads and sets replicas", async () => {
  const path = collection("drivers");
  const driver = { apiVersion: API_VERSION, kind: "Driver", metadata: { name: "scaled" }, spec: minimal };
  expect((await server.request("POST", path, driver)).status).toBe(201);
  const scale = await server.request("GET", `${path}/scaled/scale`);
  expect(scale.body.spec.replicas).toBe(1);
  const set = await server.request("MERGE", `${path}/scaled/scale`, { spec: { replicas: 3 } });
  expect(set.status).toBe(200);
  const after = await server.request("GET", `${path}/scaled`);
  expect(after.body.spec.replicas).toBe(3);
});
