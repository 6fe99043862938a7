import { once } from "node:events";
import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";

/** What a nats-server shows of itself to anybody who connects. */
export interface Presented {
  serverId: string;
  /** SHA-256 of its certificate, as node:crypto writes it. */
  fingerprint: string;
}

const MAX_INFO_BYTES = 64 * 1024;

/** Looks at a server's certificate without trusting it. @throws when the server can't be reached in time, or has no TLS. */
export async function presentedBy(host: string, port: number, timeoutMs = 5_000): Promise<Presented> {
  const signal = AbortSignal.timeout(timeoutMs);
  const socket = connectTcp({ host, port });
  try {
    // Its first line comes in the clear: nats-server begins TLS after it.
    let text = "";
    while (!text.includes("\n")) {
      const [chunk] = (await once(socket, "data", { signal })) as [Buffer];
      text += chunk.toString("utf8");
      if (text.length > MAX_INFO_BYTES) throw new RangeError(`${host}:${port} is no nats-server`);
    }
    const { server_id: serverId, tls_required: isRequired } = JSON.parse(
      text.slice(text.indexOf("{"), text.indexOf("\n")),
    );
    if (!isRequired) throw new TypeError(`${host}:${port} asks for no TLS`);
    socket.removeAllListeners("data");
    // It is looked at, not trusted: nothing is sent.
    const secured = connectTls({ socket, rejectUnauthorized: false });
    await once(secured, "secureConnect", { signal });
    const { fingerprint256 } = secured.getPeerCertificate();
    secured.destroy();
    return { serverId, fingerprint: fingerprint256 };
  } finally {
    socket.destroy();
  }
}
