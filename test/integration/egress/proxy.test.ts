import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { rangeOf } from "@vextir/operator/egress/address-ranges.ts";
import type { Egress } from "@vextir/operator/egress/egress.ts";
import { parseAllDocuments } from "yaml";
import { eventually } from "../../fixtures/eventually.ts";
import { PROMPTLY_MS } from "../../fixtures/promptly.ts";
import { SYSTEM } from "../operator/world.ts";
import { closed, EchoServer, EgressWorld, echoed, egressRbac } from "./world.ts";

let world: EgressWorld;
let echo: EchoServer;
let namespace: string;
const running: Egress[] = [];

beforeAll(async () => {
  [world, echo] = await Promise.all([EgressWorld.start(), EchoServer.start()]);
});
afterAll(async () => {
  await world?.stop();
  await echo?.stop();
});
beforeEach(async () => {
  namespace = await world.world.api.namespace();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((egress) => egress.stop(0)));
});

async function proxy(change: Parameters<EgressWorld["proxy"]>[0] = {}): Promise<Egress> {
  const egress = await world.proxy(change);
  running.push(egress);
  return egress;
}

describe("a driver reaches what it lists", () => {
  test("an address, literally", async () => {
    const egress = await proxy();
    const target = `127.0.0.1:${echo.port}`;
    const token = await world.driver(namespace, "reader", [target]);
    const { status, socket } = await world.connect(egress, token, target);
    expect(status).toBe(200);
    if (!socket) throw new Error("no tunnel");
    expect(await echoed(socket, "hello")).toBe("hello");
    socket.end();
    await eventually(async () => echo.sockets.size === 0, "the target's side is closed");
    const metrics = await egress.metrics.metrics();
    expect(metrics).toContain(
      `vextir_egress_tunnels_opened_total{namespace="${namespace}",driver="reader"} 1`,
    );
    expect(metrics).toContain("vextir_egress_tunnels 0");
  });

  test("a name with a private address, where it is said to be private; asked for once, and final", async () => {
    const egress = await proxy();
    world.dns.names.set("inside.example", ["127.0.0.1"]);
    const token = await world.driver(namespace, "reader", [`private:inside.example:${echo.port}`]);
    const before = world.dns.questions.length;
    const { socket } = await world.connect(egress, token, `INSIDE.example.:${echo.port}`);
    if (!socket) throw new Error("no tunnel");
    expect(world.dns.questions.slice(before).sort()).toEqual(["inside.example A", "inside.example AAAA"]);
    expect(await echoed(socket, "hello")).toBe("hello");
    socket.destroy();
  });

  test("what was looked up is what is connected to, whatever the name means a moment later", async () => {
    const other = await EchoServer.start("127.0.0.2");
    const egress = await proxy();
    world.dns.names.set("moving.example", ["127.0.0.2"]);
    const token = await world.driver(namespace, "reader", [`private:moving.example:${other.port}`]);
    const asked = world.connect(egress, token, `moving.example:${other.port}`);
    await eventually(
      async () => world.dns.questions.includes("moving.example AAAA"),
      "the name is looked up",
    );
    world.dns.names.set("moving.example", ["127.0.0.1"]);
    const { socket } = await asked;
    await eventually(async () => other.sockets.size === 1, "connected to the first address");
    socket?.destroy();
    await other.stop();
  });

  test("much at once arrives whole, and an end of one side is the other's", async () => {
    const egress = await proxy();
    const target = `127.0.0.1:${echo.port}`;
    const token = await world.driver(namespace, "reader", [target]);
    const { socket } = await world.connect(egress, token, target);
    if (!socket) throw new Error("no tunnel");
    const sent = Buffer.alloc(8 * 2 ** 20, "abc");
    socket.end(sent);
    const parts: Buffer[] = [];
    for await (const part of socket) parts.push(part as Buffer);
    expect(Buffer.concat(parts).equals(sent)).toBe(true);
  });
});

describe("everything else is refused, counted and logged", () => {
  const cases = [
    { reason: "a host that is not listed", authority: "other.example:443", refusal: "NotGranted", status: 403 },
    { reason: "another port", authority: "public.example:22", refusal: "NotGranted", status: 403 },
    { reason: "a listed name with a private address", authority: "public.example:443", refusal: "PrivateAddress", status: 403 },
    { reason: "a private address among public ones", authority: "mixed.example:443", refusal: "PrivateAddress", status: 403 },
    { reason: "metadata, listed", authority: "169.254.169.254:80", refusal: "ForbiddenAddress", status: 403 },
    { reason: "loopback in another spelling", authority: "2130706433:443", refusal: "BadTarget", status: 400 },
    { reason: "a name that is not there", authority: "nowhere.example:443", refusal: "NotResolved", status: 502 },
    { reason: "nobody there", authority: "127.0.0.1:1", refusal: "Unreachable", status: 502 },
  ]; // biome-ignore format: one case per line

  test("by reason, with the line that would grant it", async () => {
    const { names } = world.dns;
    names.set("public.example", ["10.0.0.1"]);
    names.set("mixed.example", ["93.184.215.14", "192.168.1.1"]);
    const egress = await proxy({ never: [rangeOf("169.254.0.0/16")] });
    const listed = [
      "public.example",
      "mixed.example",
      "private:nowhere.example",
      "169.254.169.254:80",
      "127.0.0.1:1",
    ];
    const token = await world.driver(namespace, "reader", listed);
    world.lines.length = 0;
    for (const { reason, authority, refusal, status } of cases) {
      const answer = await world.connect(egress, token, authority);
      expect({ reason, status: answer.status, refusal: answer.refusal }).toEqual({ reason, status, refusal });
    }
    const metrics = await egress.metrics.metrics();
    const counted = (reason: string) =>
      `vextir_egress_refusals_total{namespace="${namespace}",driver="reader",reason="${reason}"}`;
    expect(metrics).toContain(`${counted("NotGranted")} 2`);
    expect(metrics).toContain(`${counted("PrivateAddress")} 2`);
    expect(metrics).toContain(`${counted("ForbiddenAddress")} 1`);
    expect(metrics).toContain(`${counted("BadTarget")} 1`);
    const said = world.lines.filter(({ driver }) => driver === `${namespace}/reader`);
    expect(said.map(({ refusal }) => refusal)).toEqual([
      "NotGranted",
      "NotGranted",
      "PrivateAddress",
      "PrivateAddress",
      "ForbiddenAddress",
      "BadTarget",
    ]);
    expect(said[0]?.["why"]).toContain('spec.capabilities.allowedHosts: ["other.example"]');
  });

  test("a wildcard opens no private address", async () => {
    world.dns.names.set("metadata.example", ["169.254.169.254"]);
    world.dns.names.set("v6.example", ["fd00:ec2::254"]);
    const egress = await proxy();
    const token = await world.driver(namespace, "reader", ["*", "*:80"]);
    for (const authority of ["metadata.example:80", "v6.example:443"])
      expect((await world.connect(egress, token, authority)).refusal).toBe("PrivateAddress");
    expect((await world.connect(egress, token, "169.254.169.254:80")).refusal).toBe("NotGranted");
  });

  test("a flood of refusals is a few lines and a number", async () => {
    const egress = await proxy();
    const token = await world.driver(namespace, "flood", []);
    world.lines.length = 0;
    for (let n = 0; n < 50; n++) await world.connect(egress, token, `h${n}.example:443`);
    expect(world.lines.filter(({ msg }) => msg === "refused")).toHaveLength(10);
    await egress.stop(0);
    expect(world.lines.find(({ msg }) => msg === "refused more often")).toMatchObject({ times: 40 });
  });

  test("plain text", async () => {
    const egress = await proxy();
    const socket = connect(egress.port, "127.0.0.1");
    socket.write("CONNECT a.example:443 HTTP/1.1\r\nhost: a\r\n\r\n");
    const parts = await socket
      .on("error", () => {})
      .toArray()
      .catch(() => []);
    expect(Buffer.concat(parts).toString("latin1")).not.toContain("HTTP/");
  });

  test("a request that is no CONNECT", async () => {
    const egress = await proxy();
    const token = await world.driver(namespace, "reader", ["*:80"]);
    const answer = await world.connect(egress, token, "http://public.example/", "GET");
    expect(answer).toMatchObject({ status: 405, refusal: "NotConnect" });
  });
});

describe("who asks", () => {
  test("only a pod of a Driver that is there", async () => {
    const egress = await proxy();
    const { api } = world.world;
    const target = `127.0.0.1:${echo.port}`;
    const token = await world.driver(namespace, "reader", [target]);
    const account = { namespace, name: "driver-reader" };
    const tokens = {
      none: undefined,
      nonsense: "x",
      "another audience": await api.token({ ...account, audiences: ["vextir-hub"] }),
      "the API server's audience": await api.token(account),
      "no pod": await api.token({ ...account, audiences: ["vextir-bus"] }),
      "no driver": await api.token({ namespace, name: "other", audiences: ["vextir-bus"] }),
      "another driver's": await world.driver(namespace, "other", []),
    };
    const answers: Record<string, string | undefined> = {};
    for (const [reason, one] of Object.entries(tokens))
      answers[reason] = (await world.connect(egress, one, target)).refusal;
    expect(answers).toEqual({
      none: "NoToken",
      nonsense: "BadToken",
      "another audience": "BadToken",
      "the API server's audience": "BadToken",
      "no pod": "BadToken",
      "no driver": "BadToken",
      "another driver's": "NotGranted",
    });
    const { socket } = await world.connect(egress, token, target);
    expect(socket).toBeDefined();
    socket?.destroy();
  });

  test("the token is nowhere in log or metrics", async () => {
    const egress = await proxy();
    const token = await world.driver(namespace, "reader", []);
    await world.connect(egress, token, "a.example:443");
    await world.connect(egress, `${token}x`, "a.example:443");
    const [, , signature = ""] = token.split(".");
    expect(JSON.stringify(world.lines) + (await egress.metrics.metrics())).not.toContain(
      signature.slice(0, 40),
    );
  });
});

describe("a tunnel ends", () => {
  test("with the grant; another's stays", async () => {
    const egress = await proxy();
    world.dns.names.set("inside.example", ["127.0.0.1"]);
    const [address, name] = [`127.0.0.1:${echo.port}`, `private:inside.example:${echo.port}`];
    const token = await world.driver(namespace, "reader", [address, name]);
    const going = (await world.connect(egress, token, address)).socket;
    const staying = (await world.connect(egress, token, `inside.example:${echo.port}`)).socket;
    if (!going || !staying) throw new Error("no tunnels");
    const end = closed(going);
    await world.list(namespace, "reader", [name]);
    expect(await end).toBeLessThan(PROMPTLY_MS);
    expect(await echoed(staying, "still here")).toBe("still here");
    expect((await world.connect(egress, token, address)).refusal).toBe("NotGranted");
    staying.destroy();
  });

  test("with its Driver", async () => {
    const egress = await proxy();
    const target = `127.0.0.1:${echo.port}`;
    const token = await world.driver(namespace, "reader", [target]);
    const { socket } = await world.connect(egress, token, target);
    if (!socket) throw new Error("no tunnel");
    const end = closed(socket);
    await world.world.delete(namespace, "reader");
    expect(await end).toBeLessThan(PROMPTLY_MS);
    expect((await world.connect(egress, token, target)).status).toBe(403);
  });

  test("when a TenantPolicy no longer admits its Driver", async () => {
    const egress = await proxy();
    const target = `127.0.0.1:${echo.port}`;
    const token = await world.driver(namespace, "reader", [target]);
    const { socket } = await world.connect(egress, token, target);
    if (!socket) throw new Error("no tunnel");
    const end = closed(socket);
    const policy = `/apis/vextir.io/v1alpha1/tenantpolicies/${namespace}`;
    const { status } = await world.world.api.request("APPLY", policy, {
      ...{ apiVersion: "vextir.io/v1alpha1", kind: "TenantPolicy", metadata: { name: namespace } },
      spec: {
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
        capabilities: { allowedHosts: ["*"] },
      },
    });
    expect(status).toBe(201);
    expect(await end).toBeLessThan(PROMPTLY_MS);
    // Its account is gone too.
    expect((await world.connect(egress, token, target)).refusal).toMatch(/NotGranted|ForeignAccount/);
    await world.world.api.request("DELETE", policy);
    await world.world.waitFor(namespace, "reader", "Accepted", "True");
    const another = await world.world.token(namespace, "reader");
    await eventually(async () => {
      const { socket } = await world.connect(egress, another, target);
      socket?.destroy();
      return socket !== undefined;
    }, "it is admitted again");
  });

  test("when nothing is said in it for long", async () => {
    const egress = await proxy({ idleMs: 300 });
    const target = `127.0.0.1:${echo.port}`;
    const token = await world.driver(namespace, "reader", [target]);
    const { socket } = await world.connect(egress, token, target);
    if (!socket) throw new Error("no tunnel");
    await closed(socket);
    await eventually(async () => echo.sockets.size === 0, "the target's side is closed");
  });

  test("by itself while the proxy drains, which takes no new ones", async () => {
    const egress = await proxy();
    const target = `127.0.0.1:${echo.port}`;
    const token = await world.driver(namespace, "reader", [target]);
    const { socket } = await world.connect(egress, token, target);
    if (!socket) throw new Error("no tunnel");
    const port = egress.port;
    const stopped = egress.stop(20_000);
    await expect(world.connect({ port } as Egress, token, target)).rejects.toThrow(/ECONNREFUSED/);
    expect(await echoed(socket, "one more")).toBe("one more");
    socket.end();
    await stopped;
  });

  test("when the time for that is over", async () => {
    const egress = await proxy();
    const target = `127.0.0.1:${echo.port}`;
    const token = await world.driver(namespace, "reader", [target]);
    const { socket } = await world.connect(egress, token, target);
    if (!socket) throw new Error("no tunnel");
    const end = closed(socket);
    await egress.stop(200);
    await end;
  });
});

test("one driver's tunnels are bounded, and leave the others theirs", async () => {
  const egress = await proxy({ maxTunnelsPerDriver: 3 });
  const target = `127.0.0.1:${echo.port}`;
  const greedy = await world.driver(namespace, "greedy", [target]);
  const modest = await world.driver(namespace, "modest", [target]);
  const open = await Promise.all([1, 2, 3].map(() => world.connect(egress, greedy, target)));
  expect(open.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect(await world.connect(egress, greedy, target)).toMatchObject({
    status: 429,
    refusal: "TooManyTunnels",
  });
  const other = await world.connect(egress, modest, target);
  expect(other.status).toBe(200);
  open[0]?.socket?.destroy();
  await eventually(async () => {
    const { status, socket } = await world.connect(egress, greedy, target);
    if (socket) open.push({ status, refusal: undefined, body: "", socket });
    return status === 200;
  }, "a place is free again");
  for (const { socket } of [...open, other]) socket?.destroy();
});

test("those who never say who they are don't keep others out, and are sent away", async () => {
  const egress = await proxy({ maxConnectionsPerAddress: 20 });
  const target = `127.0.0.1:${echo.port}`;
  const token = await world.driver(namespace, "patient", [target]);
  // Half of them say nothing at all, half what no proxy understands; all from another address than the driver.
  const silent = Array.from({ length: 60 }, (_, n) => {
    const socket = connect({ port: egress.port, host: "127.0.0.1", localAddress: "127.0.0.9" });
    socket.on("error", () => {});
    if (n % 2) socket.write("\0\xff".repeat(1_000));
    return socket;
  });
  const ends = silent.map((socket) => closed(socket));
  const { status, socket } = await world.connect(egress, token, target);
  expect(status).toBe(200);
  socket?.destroy();
  const metrics = await egress.metrics.metrics();
  expect(metrics).toMatch(
    /vextir_egress_refusals_total\{namespace="",driver="",reason="TooManyConnections"\} \d+/,
  );
  await Promise.all(ends);
});

test("a client that goes before its tunnel is open leaves nothing behind", async () => {
  const egress = await proxy({ maxTunnelsPerDriver: 1 });
  const target = `127.0.0.1:${echo.port}`;
  const token = await world.driver(namespace, "hasty", [target]);
  for (let n = 0; n < 20; n++) {
    await world.connectAndGo(egress, token, target, n % 5);
    await eventually(
      async () => (await egress.metrics.metrics()).includes("vextir_egress_tunnels 0"),
      "its place is free",
    );
  }
  await eventually(async () => echo.sockets.size === 0, "no socket is left");
});

test("it may do what it does, and nothing else", async () => {
  const from = new Date();
  const egress = await proxy();
  await world.connect(egress, await world.driver(namespace, "reader", []), "a.example:443");
  const account = `system:serviceaccount:${SYSTEM}:vextir-egress`;
  const requests = (await world.world.api.requests(from)).filter(({ user }) => user === account);
  const done = new Set(requests.map(({ verb, resource, group }) => `${verb} ${resource}.${group}`));
  const [, role] = parseAllDocuments(await egressRbac()).map((document) => document.toJS());
  const allowed = role.rules.flatMap((rule: Record<"verbs" | "resources" | "apiGroups", string[]>) =>
    rule.verbs.map((verb) => `${verb} ${rule.resources[0]}.${rule.apiGroups[0]}`),
  );
  expect([...done].sort()).toEqual(allowed.sort());
  expect(requests.filter(({ status }) => status === 403)).toEqual([]);
});

test("it is ready while it serves", async () => {
  const egress = await proxy();
  const answer = await fetch(`http://127.0.0.1:${egress.healthPort}/readyz`);
  expect(answer.status).toBe(200);
  await answer.body?.cancel();
});
