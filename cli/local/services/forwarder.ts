import { connect, createServer, type Server, type Socket } from "node:net";

/** Where a connection goes: a port of the loopback; undefined when nobody serves. */
export type ChooseTarget = () => number | undefined;

const MAX_CONNECTIONS = 1_024;
/** Ports that are tried after the one asked for. */
const MAX_TRIES = 50;

/** Forwards TCP connections of one port of the loopback to whom `choose` names at that moment. */
export class Forwarder {
  readonly port: number;
  #server: Server;
  #sockets: Set<Socket>;

  private constructor(server: Server, port: number, sockets: Set<Socket>) {
    this.#server = server;
    this.port = port;
    this.#sockets = sockets;
  }

  /** Listens on `wanted`, or on the next port that is free. @throws the system's error when none of fifty is. */
  static async open(wanted: number, choose: ChooseTarget): Promise<Forwarder> {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true }, (client) => forward(client, choose(), sockets));
    server.maxConnections = MAX_CONNECTIONS;
    for (let port = wanted; ; port++) {
      try {
        await listen(server, port);
        return new Forwarder(server, port, sockets);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        const next = code === "EADDRINUSE" || code === "EACCES";
        if (!next || port - wanted >= MAX_TRIES || port >= 65_535) throw error;
      }
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      server.on("error", () => {});
      resolve();
    });
  });
}

function forward(client: Socket, port: number | undefined, sockets: Set<Socket>): void {
  client.on("error", () => {});
  if (port === undefined) {
    client.resetAndDestroy();
    return;
  }
  const target = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  // Pipes slow the sender down to the receiver's pace; whoever closes takes the other along, once it has got everything.
  for (const [from, to] of [
    [client, target],
    [target, client],
  ] as const) {
    sockets.add(from);
    from.on("error", () => {});
    from.once("close", (failed) => {
      sockets.delete(from);
      if (failed) to.destroy();
      else to.destroySoon();
    });
    from.pipe(to);
  }
}
