import type { Server, Socket } from "node:net";

/**
 * Closes connections of an address that has as many as it may have: who has not said yet which driver he is has no other name, and must
 * not take all the places.
 */
export function boundByAddress(server: Server, max: number, refused: (address: string) => void): void {
  const open = new Map<string, number>();
  // Before TLS begins, which costs more than all the rest.
  server.prependListener("connection", (socket: Socket) => {
    const address = socket.remoteAddress ?? "";
    const count = (open.get(address) ?? 0) + 1;
    if (count > max) {
      socket.destroy();
      refused(address);
      return;
    }
    open.set(address, count);
    socket.once("close", () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
  });
}
