import { once } from "node:events";
import { connect, isIPv4, type LookupFunction, type Socket } from "node:net";

const CONNECT_MS = 10_000;

/**
 * Connects to one of these addresses, tried as "happy eyeballs" does; the name is not looked up again, so that it can't be another
 * address's meanwhile. Throws what kept it from it.
 */
export async function connectTo(
  addresses: readonly string[],
  port: number,
  signal: AbortSignal,
): Promise<Socket> {
  const pinned = addresses.map((address) => ({ address, family: isIPv4(address) ? 4 : 6 }));
  const lookup: LookupFunction = (_name, { all }, answer) => {
    const [first] = pinned;
    if (all) answer(null, pinned);
    else answer(null, first?.address ?? "", first?.family);
  };
  // A name, whatever it is, since addresses are not looked up.
  const socket = connect({
    ...{ host: "pinned.invalid", port, lookup },
    ...{ noDelay: true, keepAlive: true, allowHalfOpen: true },
  });
  const late = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS)]);
  try {
    await once(socket, "connect", { signal: late });
    return socket;
  } catch (error) {
    // A socket that fails later has nobody who listens any more.
    socket.on("error", () => {});
    socket.destroy();
    throw error;
  }
}
