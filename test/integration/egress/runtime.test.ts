import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttp, type RequestListener, type Server } from "node:http";
import { createServer as createHttps } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { parseHostPattern } from "@vextir/api";
import { decide } from "@vextir/operator/bus/callout-decision.ts";
import { EgressProxy } from "@vextir/operator/egress/proxy.ts";
import { dnsResolve } from "@vextir/operator/egress/resolver.ts";
import { createAuthority, issueCertificate } from "@vextir/operator/tls/issuing.ts";
import { pino } from "pino";
import { Registry } from "prom-client";
import { DnsServer } from "../../fixtures/dns.ts";
import { DriverProcess } from "../../fixtures/driver-process.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { startBus, type TestBus } from "../../fixtures/nats.ts";
import { HostileServer } from "../tools/hostile-server.ts";

/** Asks for what it is told to, with the client that it is told to use, and says what came of it. */
const SOURCE = `
import { createServer } from "node:http";
import http from "node:http";
import https from "node:https";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { defineDriver } from "@vextir/driver-runtime";

const text = async (stream) => (await stream.toArray()).join("");
const clients = {
  fetch: async (url, body) => (await fetch(url, body ? { method: "POST", body } : {})).text(),
  node: (url) => new Promise((resolve, reject) => {
    const client = url.startsWith("https:") ? https : http;
    client.get(url, (answer) => text(answer).then(resolve, reject)).on("error", reject);
  }),
  child: async (url) => {
    const program = "fetch(process.argv[1]).then((a) => a.text()).then(console.log)";
    return (await promisify(execFile)(process.execPath, ["-e", program, url])).stdout.trim();
  },
};

export default defineDriver({
  name: "reader",
  version: "1.0.0",
  class: "IO",
  start(driver) {
    createServer(async (request, response) => {
      const { client, url, body } = JSON.parse(await text(request));
      const answer = await Promise.resolve().then(() => clients[client](url, body)).then(
        (text) => ({ text }),
        ({ name, code, message }) => ({ name, code, message }),
      );
      response.end(JSON.stringify(answer));
    }).listen(driver.port("http"), "127.0.0.1");
  },
});
`;

let bus: TestBus;
let dns: DnsServer;
let proxy: EgressProxy;
let reports: ReturnType<TestBus["acceptReports"]>;
let driver: DriverProcess;
let folder: string;
const targets: Server[] = [];
const metrics = new Registry();
const file = (name: string) => join(folder, name);

const portOf = (server: Server) => (server.address() as { port: number }).port;
async function listening(server: Server): Promise<number> {
  targets.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return portOf(server);
}

const target: RequestListener = async (request, response) => {
  const sent = (await request.toArray()).join("");
  if (request.url === "/away") response.writeHead(302, { location: "https://elsewhere.example/" });
  response.end(`${request.method} ${request.headers.host} ${request.url} ${sent.length}`);
};

/** Ports of the targets: TLS and plain. */
let tls: number;
let plain: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-egress-"));
  [bus, dns] = await Promise.all([startBus(), DnsServer.start()]);
  reports = bus.acceptReports();
  dns.names.set("inside.example", ["127.0.0.1"]);
  dns.names.set("elsewhere.example", ["127.0.0.1"]);
  const authority = await createAuthority("test", Date.now());
  const certificate = await issueCertificate(authority, { dns: ["localhost", "inside.example"] }, Date.now());
  await writeFile(file("ca.crt"), authority.certificate);
  const pair = { cert: certificate.certificate, key: certificate.privateKey };
  tls = await listening(createHttps(pair, target) as unknown as Server);
  plain = await listening(createHttp(target));
  const allowedHosts = [`private:inside.example:${tls}`, `private:inside.example:${plain}`];
  proxy = new EgressProxy({
    ...{ port: 0, host: "127.0.0.1", tls: pair, never: [], maxTunnelsPerDriver: 32, idleMs: 60_000 },
    ...{ resolve: dnsResolve([dns.address]), metrics, log: pino({ level: "silent" }) },
    identify: (token) => decide(token, bus.tokens, bus.known),
    grants: (name) => {
      const access = bus.drivers.get(name);
      const hosts = (access?.capabilities.allowedHosts ?? []).flatMap((text) => parseHostPattern(text) ?? []);
      return access && { uid: access.uid, entries: [], hosts };
    },
  });
  await proxy.listen();
  driver = await DriverProcess.start(bus, {
    ...{ name: "reader", class: "IO", source: SOURCE, ports: ["http"], capabilities: { allowedHosts } },
    env: {
      VEXTIR_EGRESS_URL: `https://localhost:${proxy.port}`,
      VEXTIR_EGRESS_CA_FILE: file("ca.crt"),
      NODE_EXTRA_CA_CERTS: file("ca.crt"),
    },
  });
  await driver.ready();
});
afterAll(async () => {
  await driver?.stop();
  await proxy?.drain(0);
  for (const server of targets) server.close();
  await reports?.stop();
  await bus?.stop();
  await dns?.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Outcome {
  text?: string;
  name?: string;
  code?: string;
  message?: string;
}

async function ask(client: string, url: string, body?: string): Promise<Outcome> {
  const answer = await fetch(`http://127.0.0.1:${driver.ports.get("http")}`, {
    method: "POST",
    body: JSON.stringify({ client, url, body }),
    signal: AbortSignal.timeout(5_000),
  });
  return (await answer.json()) as Outcome;
}

describe("a driver's code reaches what its Driver lists, as if nothing were between", () => {
  test.each(["fetch", "node", "child"])("by TLS with %s", async (client) => {
    expect(await ask(client, `https://inside.example:${tls}/x`)).toEqual({
      text: `GET inside.example:${tls} /x 0`,
    });
  });
  test.each(["fetch", "node", "child"])("by plain HTTP with %s", async (client) => {
    expect(await ask(client, `http://inside.example:${plain}/x?y=z`)).toEqual({
      text: `GET inside.example:${plain} /x?y=z 0`,
    });
  });
  test("with a body", async () => {
    const body = "x".repeat(300_000);
    expect(await ask("fetch", `https://inside.example:${tls}/`, body)).toEqual({
      text: `POST inside.example:${tls} / 300000`,
    });
  });
  test("its own machine it reaches by itself", async () => {
    expect(await ask("fetch", `http://127.0.0.1:${plain}/`)).toEqual({ text: `GET 127.0.0.1:${plain} / 0` });
  });
});

describe("what is refused reaches the code as an error that says what would grant it", () => {
  const grant = 'spec.capabilities.allowedHosts: ["elsewhere.example"]';
  test("from fetch a DriverError", async () => {
    expect(await ask("fetch", "https://elsewhere.example/")).toMatchObject({
      ...{ name: "DriverError", code: "NotGranted" },
      message: expect.stringContaining(grant),
    });
  });
  test("after a redirect too", async () => {
    expect(await ask("fetch", `https://inside.example:${tls}/away`)).toMatchObject({
      ...{ code: "NotGranted", message: expect.stringContaining(grant) },
    });
  });
  test("from node:https in its message", async () => {
    expect(await ask("node", "https://elsewhere.example/")).toMatchObject({
      ...{ code: "ERR_PROXY_TUNNEL", message: expect.stringContaining(grant) },
    });
  });
  test("an address in another spelling", async () => {
    expect(await ask("node", "https://127.0.0.1.nip.example/")).toMatchObject({
      message: expect.stringContaining("may not reach"),
    });
  });
  test("and what is not there says so", async () => {
    expect(await ask("fetch", `https://inside.example:1234/`)).toMatchObject({ code: "NotGranted" });
    const found = await ask("fetch", "http://nobody.invalid/");
    expect(found).toMatchObject({
      name: "DriverError",
      message: expect.stringContaining("nobody.invalid:80"),
    });
  });
  test("all of it is counted", async () => {
    expect(await metrics.metrics()).toMatch(
      /vextir_egress_refusals_total\{.*driver="reader",reason="NotGranted"\} \d/,
    );
  });
});

test("the token that counts is the one in the file now", async () => {
  const refused = async () => (await ask("node", "https://elsewhere.example/")).message;
  await writeFile(driver.tokenFile, await bus.token({ name: "reader" }, { lifetimeS: -60 }));
  expect(await refused()).toContain("the token of a driver's pod is needed");
  await writeFile(driver.tokenFile, await bus.token({ name: "reader" }));
  expect(await refused()).toContain("allowedHosts");
});

describe("a bridge to a tool server goes the same way", () => {
  const bridgeTo = async (name: string, url: string, allowedHosts: string[]) => {
    const bridge = await DriverProcess.start(bus, {
      ...{ name, class: "Tool", module: "tool-bridge", config: { url }, capabilities: { allowedHosts } },
      env: {
        VEXTIR_EGRESS_URL: `https://localhost:${proxy.port}`,
        VEXTIR_EGRESS_CA_FILE: file("ca.crt"),
      },
    });
    return bridge.ready();
  };
  let server: HostileServer;
  beforeAll(async () => {
    server = await HostileServer.start();
  });
  afterAll(() => server?.stop());

  test("to a private address only where it is listed as one", async () => {
    const host = `inside.example:${new URL(server.url).port}`;
    const listed = await bridgeTo("listed", `http://${host}/mcp`, [`private:${host}`]);
    await eventually(async () => (await listed.metrics()).includes("vextir_tool_bridge_reachable 1"));
    await listed.stop();
    server.asked.clear();
    const other = await bridgeTo("other", `http://${host}/mcp`, [host]);
    await eventually(() => other.output.includes("a loopback address"));
    expect(await other.metrics()).toMatch(/^vextir_tool_bridge_reachable 0$/m);
    await other.stop();
    expect(server.asked.size).toBe(0);
  });
});

test("without allowedHosts nothing stands between, and nothing is loaded for it", async () => {
  const other = await DriverProcess.start(bus, {
    ...{ name: "plain", class: "IO", ports: ["http"], source: SOURCE.replace('"reader"', '"plain"') },
  });
  await other.ready();
  const memory = await Promise.all(
    [driver, other].map(async (one) => {
      const [, bytes] = /^process_resident_memory_bytes (\d+)/m.exec(await one.metrics()) ?? [];
      return Math.round(Number(bytes) / 2 ** 20);
    }),
  );
  process.stdout.write(`a driver that has gone out ${memory[0]} MiB, one that can't ${memory[1]} MiB\n`);
  expect(other.output).not.toContain("egress proxy");
  expect(driver.output).toContain("egress proxy");
  await other.stop();
});
