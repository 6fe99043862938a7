import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { KINDS, type Service } from "@vextir/operator/kinds.ts";
import { freePort } from "../kubelet/ports.ts";
import { ObjectStore } from "../store/object-store.ts";
import { type Endpoint, type OpenPort, Services } from "./services.ts";

let store: ObjectStore;
let services: Services;
let endpoints: Endpoint[];
let servers: Server[];
const key = { namespace: "default", name: "web" };

beforeEach(() => {
  store = new ObjectStore();
  endpoints = [];
  servers = [];
  services = new Services({
    store,
    endpoints: (_namespace, labels) => (labels["app"] === "web" ? endpoints : []),
    opened: () => {},
    failed: (_service, error) => {
      throw error;
    },
  });
  services.start();
});
afterEach(async () => {
  await services.close();
  for (const server of servers) server.close();
});

const apply = (port: number) =>
  store.apply<Service>("test", KINDS.Service, {
    apiVersion: "v1",
    kind: "Service",
    metadata: key,
    spec: { selector: { app: "web" }, ports: [{ name: "http", port, targetPort: "http" }] },
  });

async function opened(): Promise<OpenPort> {
  for (;;) {
    const [port] = services.ports();
    if (port) return port;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A server that answers each connection with its name, then what it is sent. */
async function echo(name: string): Promise<Endpoint> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.write(`${name}:`);
    socket.pipe(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return { portOf: (target) => (target === "http" ? port : undefined) };
}

function talk(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, "127.0.0.1", () => socket.end(text));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.once("error", reject);
    socket.once("close", () => resolve(answer));
  });
}

test("connections are spread over the pods that are ready at that moment", async () => {
  apply(await freePort());
  const { port } = await opened();
  await expect(talk(port, "x")).rejects.toMatchObject({ code: "ECONNRESET" });
  endpoints = [await echo("a"), await echo("b")];
  const answers = [await talk(port, "1"), await talk(port, "2"), await talk(port, "3")];
  expect(new Set(answers.map((answer) => answer[0]))).toEqual(new Set(["a", "b"]));
  expect(answers.map((answer) => answer[2])).toEqual(["1", "2", "3"]);
});

test("much data passes whole", async () => {
  endpoints = [await echo("a")];
  apply(await freePort());
  const text = "0123456789".repeat(500_000);
  const answer = await talk((await opened()).port, text);
  expect(answer.length).toBe(text.length + 2);
  expect(answer === `a:${text}`).toBe(true);
});

test("a port that is taken: the next free one", async () => {
  const taken = createServer();
  servers.push(taken);
  const port = await freePort();
  await new Promise<void>((resolve) => taken.listen(port, "127.0.0.1", resolve));
  apply(port);
  const open = await opened();
  expect(open).toMatchObject({ wanted: port, service: "web", name: "http" });
  expect(open.port).toBeGreaterThan(port);
});

test("a Service that is gone no longer listens", async () => {
  apply(await freePort());
  const { port } = await opened();
  store.delete(KINDS.Service, key);
  while (services.ports().length > 0) await new Promise((resolve) => setImmediate(resolve));
  await expect(talk(port, "x")).rejects.toMatchObject({ code: "ECONNREFUSED" });
});
