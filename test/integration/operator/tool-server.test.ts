import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { NatsConnection } from "@nats-io/transport-node";
import {
  API_VERSION,
  type Condition,
  subjects,
  TOOL_SERVER_METHOD,
  type ToolServerReport,
} from "@vextir/api";
import { eventually } from "../../fixtures/eventually.ts";
import { World } from "./world.ts";

let world: World;
let namespace: string;
const open: NatsConnection[] = [];

beforeAll(async () => {
  world = await World.start();
  namespace = await world.api.namespace();
});
afterAll(async () => {
  for (const connection of open) await connection.close();
  await world?.stop();
});

const pathOf = (name: string) => `/apis/${API_VERSION}/namespaces/${namespace}/toolservers/${name}`;
async function apply(name: string, spec: object) {
  const object = { apiVersion: API_VERSION, kind: "ToolServer", metadata: { name }, spec };
  const answer = await world.api.request("APPLY", pathOf(name), object);
  if (answer.status >= 300) throw new Error(answer.body.message);
}
const server = async (name: string) => (await world.api.request("GET", pathOf(name))).body;
const condition = (name: string, type: string, status: string, reason?: string) =>
  eventually(
    async () => {
      const found: Condition | undefined = (await server(name)).status?.conditions?.find(
        (one: Condition) => one.type === type,
      );
      const fits = found?.status === status && (reason === undefined || found.reason === reason);
      return fits ? found : undefined;
    },
    `${name}: ${type}=${status} ${reason ?? ""}`,
  );

/** A pod of the driver as far as the operator asks it. */
async function pod(name: string, report: () => ToolServerReport): Promise<void> {
  const connection = await world.connectWith(await world.token(namespace, name));
  open.push(connection);
  connection.subscribe(subjects.call(name, TOOL_SERVER_METHOD, "*"), {
    callback: (_error, message) => void message.respond(JSON.stringify(report())),
  });
  await connection.flush();
}

const spec = {
  url: "https://mcp.example.org/mcp",
  credential: { secretRef: { name: "mcp", key: "token" } },
  tools: ["search"],
};

describe("a ToolServer", () => {
  let report: ToolServerReport = { state: "Reachable", tools: ["search"], leftOut: [] };

  test("has a Driver of its name, which may reach the server and nothing else", async () => {
    await apply("docs", spec);
    await world.waitFor(namespace, "docs", "Accepted", "True");
    const driver = await world.driver(namespace, "docs");
    expect(driver.spec).toMatchObject({
      class: "Tool",
      module: "tool-bridge",
      config: { url: spec.url, tools: ["search"], header: "Authorization", scheme: "Bearer" },
      configSecretRefs: [{ name: "credential", secretKeyRef: { name: "mcp", key: "token" } }],
      capabilities: { allowedHosts: ["mcp.example.org:443"], publish: [], call: [] },
    });
    expect(driver.metadata.ownerReferences).toMatchObject([{ kind: "ToolServer", name: "docs" }]);
    expect(driver.metadata.finalizers).toHaveLength(1);
    expect((await server("docs")).status.tools).toBeUndefined();
  });

  test("says of the server what the pods say", async () => {
    await eventually(() => world.deployment(namespace, "docs"), "its Deployment");
    await pod("docs", () => report);
    await world.makePodsReady(namespace, "docs");
    await world.waitFor(namespace, "docs", "Ready", "True");
    await condition("docs", "Ready", "True");
    const { status } = await server("docs");
    expect(status).toMatchObject({ toolCount: 1, tools: ["search"], observedGeneration: 1 });
  });

  test("follows its spec, and is told of a server that is away", async () => {
    const at = new Date().toISOString();
    report = { state: "Unreachable", tools: ["search"], leftOut: [], lastError: { message: "HTTP 503", at } };
    await apply("docs", { ...spec, timeoutSeconds: 5 });
    await eventually(async () => {
      const { config } = (await world.driver(namespace, "docs")).spec;
      return config.timeoutSeconds === 5;
    }, "the Driver follows");
    await world.makePodsReady(namespace, "docs");
    const found = await condition("docs", "Reachable", "False", "Unreachable");
    expect(found.message).toBe("HTTP 503");
    expect((await server("docs")).status).toMatchObject({
      tools: ["search"],
      lastError: { message: "HTTP 503", at },
    });
  });

  test("puts right what somebody changed in its Driver", async () => {
    const path = `/apis/${API_VERSION}/namespaces/${namespace}/drivers/docs`;
    await world.api.request("MERGE", path, { spec: { capabilities: { allowedHosts: ["*:443"] } } });
    await eventually(async () => {
      const { allowedHosts } = (await world.driver(namespace, "docs")).spec.capabilities;
      return allowedHosts.length === 1 && allowedHosts[0] === "mcp.example.org:443";
    }, "only its host");
  });

  test("lets its Driver go, which is made again while it is wanted", async () => {
    const { uid } = (await world.driver(namespace, "docs")).metadata;
    await world.delete(namespace, "docs");
    await eventually(async () => {
      const driver = await world.driver(namespace, "docs");
      return driver && driver.metadata.uid !== uid && driver.metadata.finalizers?.length === 1;
    }, "another one");
    await world.api.request("DELETE", pathOf("docs"));
    // Here nobody collects what has lost its owner.
    await world.delete(namespace, "docs");
    await eventually(async () => (await world.driver(namespace, "docs")) === undefined, "it is gone");
  });

  test.each([
    {
      reason: "Invalid",
      name: "elsewhere",
      change: { allowedHosts: ["other.example.org"] },
      message: "spec.allowedHosts: none of them is mcp.example.org:443, where spec.url leads",
    },
    {
      reason: "Invalid",
      name: "metadata",
      change: { url: "http://169.254.169.254/mcp" },
      message:
        'spec.url leads to an address: spec.allowedHosts would have to name it: ["169.254.169.254:80"]',
    },
    { reason: "Invalid", name: "no-url", change: { url: "http://[x]/" }, message: /is no URL/ },
  ])("that can't be carried out is told why: $name", async ({ reason, name, change, message }) => {
    await apply(name, { ...spec, ...change });
    const found = await condition(name, "Accepted", "False", reason);
    if (typeof message === "string") expect(found.message).toBe(message);
    else expect(found.message).toMatch(message);
    expect(await world.driver(namespace, name)).toBeUndefined();
  });

  test("is bound by the policies that bind its Driver", async () => {
    const path = `/apis/${API_VERSION}/tenantpolicies/few-hosts`;
    const bounds = { capabilities: { allowedHosts: ["*.example.com"] } };
    const object = {
      apiVersion: API_VERSION,
      kind: "TenantPolicy",
      metadata: { name: "few-hosts" },
      spec: bounds,
    };
    expect((await world.api.request("APPLY", path, object)).status).toBeLessThan(300);
    await apply("bounded", spec);
    const found = await condition("bounded", "DriverReady", "False", "PolicyViolation");
    expect(found.message).toContain("mcp.example.org:443");
    await world.api.request("DELETE", path);
    await world.waitFor(namespace, "bounded", "Accepted", "True");
  });

  test("takes no Driver that is somebody else's", async () => {
    await world.apply(namespace, "mine", { class: "IO", module: "gateway" });
    await apply("mine", spec);
    await condition("mine", "Accepted", "False", "NameTaken");
    expect((await world.driver(namespace, "mine")).spec.module).toBe("gateway");
  });
});
