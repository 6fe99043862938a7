import { createServer } from "node:net";

/** Ports handed out lately: whoever got one may not listen on it yet. */
const RECENT = 512;
const recent = new Set<number>();

/** A free port of the loopback that was not handed out lately. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 32; tries++) {
    const port = await probe();
    if (recent.has(port)) continue;
    recent.add(port);
    if (recent.size > RECENT) recent.delete(recent.values().next().value as number);
    return port;
  }
  throw new RangeError("there are no free ports on 127.0.0.1");
}

function probe(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address() as { port: number };
      server.close(() => resolve(address.port));
    });
  });
}
