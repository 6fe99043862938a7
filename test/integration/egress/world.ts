import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { EgressConfiguration } from "@vextir/operator/egress/configuration.ts";
import { Egress } from "@vextir/operator/egress/egress.ts";
import { dnsResolve } from "@vextir/operator/egress/resolver.ts";
import { pino } from "pino";
import { DnsServer } from "../../fixtures/dns.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { SYSTEM, World } from "../operator/world.ts";

export const HOST = `vextir-egress.${SYSTEM}.svc`;

export interface Answer {
  status: number;
  refusal: string | undefined;
  body: string;
  /** Of a tunnel that is open. */
  socket: Duplex | undefined;
}

/** Echoes what it is sent. */
export class EchoServer {
  readonly sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket)).on("error", () => {});
      socket.pipe(socket);
    });
  }

  static async start(host = "127.0.0.1"): Promise<EchoServer> {
    const server = createServer().listen(0, host);
    await once(server, "listening");
    return new EchoServer(server);
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** An API server, an operator, DNS, and an egress proxy that may do what the chart lets it. */
export class EgressWorld {
  readonly world: World;
  readonly dns: DnsServer;
  readonly #folder: string;
  readonly lines: Record<string, unknown>[] = [];
  #kubeconfig = "";
  ca = "";

  private constructor(world: World, dns: DnsServer, folder: string) {
    this.world = world;
    this.dns = dns;
    this.#folder = folder;
  }

  static async start(): Promise<EgressWorld> {
    const world = await World.start({ api: { auditReads: true } });
    const self = new EgressWorld(
      world,
      await DnsServer.start(),
      await mkdtemp(join(tmpdir(), "vextir-egress-")),
    );
    await self.#useChartsPermissions();
    await self.#mountCertificate();
    return self;
  }

  async #useChartsPermissions(): Promise<void> {
    const { api } = this.world;
    await api.applyManifests(await egressRbac());
    this.#kubeconfig = await api.kubeconfigFor(await api.token({ namespace: SYSTEM, name: "vextir-egress" }));
  }

  /** What the operator made. */
  async #mountCertificate(): Promise<void> {
    const { data } = await eventually(
      () => this.world.get("v1", "secrets", SYSTEM, "vextir-egress-tls"),
      "the proxy's Secret",
    );
    for (const [file, content] of Object.entries<string>(data))
      await writeFile(join(this.#folder, file), Buffer.from(content, "base64"));
    this.ca = Buffer.from(data["ca.crt"], "base64").toString();
  }

  async proxy(change: Partial<EgressConfiguration> = {}): Promise<Egress> {
    const write = (line: string) => void this.lines.push(JSON.parse(line));
    const egress = new Egress({
      configuration: {
        ...{
          pod: "vextir-egress-0",
          logLevel: "info",
          healthPort: 0,
          port: 0,
          watchNamespaces: [],
          tlsDir: this.#folder,
          never: [],
        },
        ...{ maxTunnelsPerDriver: 8, idleMs: 60_000, drainMs: 1_000 },
        ...change,
      },
      log: pino({ level: "info" }, { write }),
      access: { kubeconfig: this.#kubeconfig },
      resolve: dnsResolve([this.dns.address]),
    });
    await egress.start();
    return egress;
  }

  /** A Driver that lists these hosts, once it is accepted, with its pod's token. */
  async driver(namespace: string, name: string, allowedHosts: readonly string[]): Promise<string> {
    await this.list(namespace, name, allowedHosts);
    return this.world.token(namespace, name);
  }

  async list(namespace: string, name: string, allowedHosts: readonly string[]): Promise<void> {
    await this.world.apply(namespace, name, {
      class: "IO",
      module: "gateway",
      capabilities: { allowedHosts },
    });
    await this.world.waitFor(namespace, name, "Accepted", "True");
  }

  async stop(): Promise<void> {
    await this.world.stop();
    await this.dns.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Asks for a tunnel and goes, so many turns of the event loop later, whatever has come of it. */
  async connectAndGo(egress: Egress, token: string, authority: string, turns: number): Promise<void> {
    const socket = connectTls({ host: "127.0.0.1", port: egress.port, servername: HOST, ca: this.ca });
    await once(socket, "secureConnect");
    socket.on("error", () => {});
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nhost: x\r\nproxy-authorization: ${basic(token)}\r\n\r\n`);
    for (let n = 0; n <= turns; n++) await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
  }

  /** Asks for a tunnel, as any client of a proxy does. */
  async connect(
    egress: Egress,
    token: string | undefined,
    authority: string,
    method = "CONNECT",
  ): Promise<Answer> {
    const headers = token === undefined ? {} : { "proxy-authorization": basic(token) };
    const asked = request({
      ...{ host: "127.0.0.1", port: egress.port, servername: HOST, ca: this.ca, agent: false },
      ...{ method, path: authority, headers },
    });
    asked.end();
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    asked.once("error", reject);
    asked.once("connect", (response, socket, head) => {
      const { statusCode: status = 0 } = response;
      const refusal = response.headers["vextir-refusal"] as string | undefined;
      socket.on("error", () => {});
      if (status === 200) return resolve({ status, refusal, body: "", socket });
      void textOf(socket, head).then((body) => resolve({ status, refusal, body, socket: undefined }), reject);
    });
    asked.once("response", (response) => {
      const refusal = response.headers["vextir-refusal"] as string | undefined;
      void textOf(response, Buffer.alloc(0)).then(
        (body) => resolve({ status: response.statusCode ?? 0, refusal, body, socket: undefined }),
        reject,
      );
    });
    return promise;
  }
}

/** The chart's RBAC of the proxy. */
export async function egressRbac(): Promise<string> {
  const chart = join(import.meta.dirname, "../../../charts/vextir/templates/egress-rbac.yaml");
  return (await readFile(chart, "utf8"))
    .replaceAll("{{ .Release.Namespace }}", SYSTEM)
    .replaceAll(/^.*\{\{.*\}\}.*\n/gm, "");
}

const basic = (token: string) => `Basic ${Buffer.from(`driver:${token}`).toString("base64")}`;

async function textOf(stream: NodeJS.ReadableStream, head: Buffer): Promise<string> {
  const parts = [head];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}

/** What comes back of what is sent. */
export async function echoed(socket: Duplex, text: string): Promise<string> {
  socket.write(text);
  const [answer] = await once(socket, "data");
  return String(answer);
}

/** Resolves when the tunnel is closed, with the time that it took. */
export async function closed(socket: Duplex): Promise<number> {
  const begin = performance.now();
  socket.resume();
  if (!socket.destroyed) await once(socket, "close");
  return performance.now() - begin;
}
