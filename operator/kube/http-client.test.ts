import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import type { ApiAccess } from "./access.ts";
import { TooLargeError } from "./api-error.ts";
import { type ApiRequest, HttpClient, type HttpClientOptions } from "./http-client.ts";
import { KubeApi } from "./kube-api.ts";

const open: { server: Server; client: HttpClient }[] = [];
afterEach(() => {
  for (const { server, client } of open.splice(0)) {
    client.close();
    server.closeAllConnections();
    server.close();
  }
});

async function setup(listener: RequestListener, options: HttpClientOptions = {}) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  let connections = 0;
  server.on("connection", () => connections++);
  const { port } = server.address() as AddressInfo;
  const access = new TestAccess(new URL(`http://127.0.0.1:${port}/prefix/`));
  const client = new HttpClient(access, options);
  open.push({ server, client });
  return { client, access, connections: () => connections };
}

class TestAccess implements ApiAccess {
  readonly server: URL;
  readonly namespace = "default";
  token = 1;
  constructor(server: URL) {
    this.server = server;
  }
  async credentials() {
    return { headers: { authorization: `Bearer ${this.token}` }, tls: {} };
  }
  refused() {
    this.token++;
  }
}

const get: ApiRequest = { method: "GET", path: "/version", what: "get version" };
const json = (body: unknown): [string, Record<string, string>] => [
  JSON.stringify(body),
  { "content-type": "application/json" },
];
const answer =
  (body: unknown): RequestListener =>
  (_request, response) => {
    const [text, headers] = json(body);
    response.writeHead(200, headers).end(text);
  };

test("one connection serves one request after the other, below the server's path", async () => {
  const urls: (string | undefined)[] = [];
  const { client, connections } = await setup((request, response) => {
    urls.push(request.url);
    answer({})(request, response);
  });
  for (let i = 0; i < 20; i++) await client.request(get);
  expect(connections()).toBe(1);
  expect(new Set(urls)).toEqual(new Set(["/prefix/version"]));
});

test("however many requests there are, connections are bounded", async () => {
  const { client, connections } = await setup(answer({}), { maxSockets: 3 });
  await Promise.all(Array.from({ length: 60 }, () => client.request(get)));
  expect(connections()).toBe(3);
});

test("a kept connection that the server closed is no failure", async () => {
  let requests = 0;
  const { client, connections } = await setup((request, response) => {
    if (++requests === 2) request.socket.destroy();
    else answer({ requests })(request, response);
  });
  await client.request(get);
  expect(await client.request(get)).toEqual({ requests: 3 });
  expect(connections()).toBe(2);
});

test("a server that breaks every connection: Unavailable, with the cause", async () => {
  const { client } = await setup((request) => request.socket.destroy());
  await expect(client.request(get)).rejects.toMatchObject({
    code: "Unavailable",
    cause: { code: "ECONNRESET" },
  });
});

test("a refused token is read anew, once", async () => {
  const { client, access } = await setup((request, response) => {
    if (request.headers.authorization === "Bearer 2") answer({ ok: true })(request, response);
    else response.writeHead(401).end();
  });
  expect(await client.request(get)).toEqual({ ok: true });
  access.token = 5;
  await expect(client.request(get)).rejects.toMatchObject({ code: "Unavailable" });
  expect(access.token).toBe(6);
});

test("a server that is too busy is asked again when it says", async () => {
  let requests = 0;
  const { client } = await setup((request, response) => {
    if (++requests < 3) response.writeHead(429, { "retry-after": "0" }).end();
    else answer({ requests })(request, response);
  });
  expect(await client.request(get)).toEqual({ requests: 3 });
});

describe("every wait has an end", () => {
  const cases: { reason: string; listener: RequestListener }[] = [
    { reason: "no answer", listener: () => {} },
    { reason: "half an answer", listener: (_, response) => void response.writeHead(200).write('{"half":') },
  ];
  test.each(cases)("$reason", async ({ listener }) => {
    const { client } = await setup(listener);
    await expect(client.request({ ...get, deadlineMs: 50 })).rejects.toMatchObject({ code: "Unavailable" });
  });

  test("the caller's signal", async () => {
    const { client } = await setup(() => {});
    const request = client.request({ ...get, signal: AbortSignal.timeout(20) });
    await expect(request).rejects.toMatchObject({ code: "Unavailable" });
  });
});

test("an answer that is too large is not read to its end", async () => {
  const { client } = await setup((_, response) => {
    response.writeHead(200);
    const write = () => {
      if (response.destroyed) return;
      response.write("x".repeat(65_536));
      setImmediate(write);
    };
    write();
  });
  await expect(client.request({ ...get, maxBytes: 1_000_000 })).rejects.toBeInstanceOf(TooLargeError);
});

const codes = [
  { status: 400, code: "Invalid" },
  { status: 403, code: "Forbidden" },
  { status: 404, code: "NotFound" },
  { status: 409, code: "Conflict" },
  { status: 410, code: "Unavailable" },
  { status: 422, code: "Invalid" },
  { status: 500, code: "Unavailable" },
  { status: 503, code: "Unavailable" },
];
test.each(codes)("status $status is $code, and the message tells what and why", async ({ status, code }) => {
  const { client } = await setup((_, response) => {
    const [text, headers] = json({ kind: "Status", message: "because" });
    response.writeHead(status, headers).end(text);
  });
  const failure = client.request(get);
  await expect(failure).rejects.toMatchObject({ code });
  await expect(failure).rejects.toThrow(/^get version: .*because$/);
});

test("a page whose objects are too large is asked for again with fewer of them", async () => {
  const all = Array.from({ length: 40 }, (_, i) => ({
    metadata: { name: `n${i}`, blob: "x".repeat(2_000_000) },
  }));
  const limits: number[] = [];
  const { client } = await setup((request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://server");
    const limit = Number(searchParams.get("limit"));
    const from = Number(searchParams.get("continue") ?? 0);
    limits.push(limit);
    const items = all.slice(from, from + limit);
    const next = from + limit < all.length ? String(from + limit) : "";
    answer({ items, metadata: { resourceVersion: "7", continue: next } })(request, response);
  });
  const names: string[] = [];
  const kind = { apiVersion: "v1", kind: "Thing", plural: "things", namespaced: true };
  for await (const { items } of new KubeApi(client).pages(kind, {}, 100)) {
    names.push(...items.map(({ metadata }) => metadata.name));
  }
  expect(names).toEqual(all.map(({ metadata }) => metadata.name));
  expect(limits).toEqual([100, 13, 13, 13, 13]);
});
