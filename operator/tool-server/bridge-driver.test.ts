import { describe, expect, test } from "@jest/globals";
import { API_VERSION, DriverSpec, type ToolServer, ToolServerSpec } from "@vextir/api";
import { bridgeDriver, holds } from "./bridge-driver.ts";
import { readToolServer } from "./read-spec.ts";

const server = (spec: object): ToolServer => ({
  ...{ apiVersion: API_VERSION, kind: "ToolServer" },
  metadata: { name: "docs", namespace: "team", uid: "u-1", generation: 1 },
  spec: ToolServerSpec.parse({ url: "https://mcp.example.org/mcp", ...spec }),
});

describe("the Driver of a ToolServer", () => {
  test.each([
    { reason: "an https URL's host", spec: {}, hosts: ["mcp.example.org:443"] },
    { reason: "an http URL's host", spec: { url: "http://a.example.org/" }, hosts: ["a.example.org:80"] },
    {
      reason: "an address that is named",
      spec: { url: "http://10.0.0.1:8080/mcp", allowedHosts: ["10.0.0.1:8080"] },
      hosts: ["10.0.0.1:8080"],
    },
    {
      reason: "what is said instead",
      spec: { url: "http://mcp.tools.svc:8080/mcp", allowedHosts: ["private:mcp.tools.svc:8080"] },
      hosts: ["private:mcp.tools.svc:8080"],
    },
  ])("may reach $reason", ({ spec, hosts }) => {
    const made = server(spec);
    expect(readToolServer(made)).toEqual({ spec: made.spec });
    const driver = DriverSpec.parse(bridgeDriver(made, made.spec)["spec"]);
    expect(driver.capabilities).toMatchObject({ allowedHosts: hosts, publish: [], call: [], state: false });
  });

  test("is written again only where something of it is another", () => {
    const made = server({ tools: ["a", "b"] });
    const wanted = bridgeDriver(made, made.spec)["spec"];
    const stored = DriverSpec.parse(wanted);
    expect(holds(stored, wanted)).toBe(true);
    expect(holds({ ...stored, resources: { limits: { memory: "1Gi" } } }, wanted)).toBe(true);
    expect(holds({ ...stored, replicas: 3 }, wanted)).toBe(false);
    expect(holds({ ...stored, config: { ...stored.config, tools: ["a"] } }, wanted)).toBe(false);
  });
});
