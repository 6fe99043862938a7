/**
 * Clients of a bus, in a process of their own: as many as the file has credentials for. Tells when all are connected, and after
 * each loss when all are back: `CONNECTED`, `BACK {"first":…,"median":…,"last":…}`, in milliseconds since 1970.
 */
import { readFileSync } from "node:fs";
import {
  type Authenticator,
  connect,
  type NatsConnection,
  tokenAuthenticator,
} from "@nats-io/transport-node";
import { SigningKey } from "@vextir/operator/bus/nkey.ts";
import { quantile } from "./statistics.ts";

/** One of both, for each client. */
export interface ClientsFile {
  url: string;
  tokens?: string[];
  /** What a creds file holds: the user's JWT, and the seed of its key (32 bytes, base64). */
  creds?: { jwt: string; seed: string }[];
}

const AT_A_TIME = 50;

const { url, tokens, creds } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as ClientsFile;
const authenticators =
  tokens?.map((token) => tokenAuthenticator(token)) ??
  creds?.map(({ jwt, seed }) => signing(jwt, new SigningKey("user", Buffer.from(seed, "base64")))) ??
  [];
/** The client library signs in pure JavaScript, 10 ms each time: a thousand in one process would measure just that. */
function signing(jwt: string, key: SigningKey): Authenticator {
  return (nonce) => ({ jwt, ...(nonce && { sig: key.sign(nonce).toString("base64url") }) });
}

async function open(index: number): Promise<void> {
  const authenticator = authenticators[index];
  if (!authenticator) return;
  const connection = await connect({
    servers: url,
    authenticator,
    timeout: 5_000,
    waitOnFirstConnect: true,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    // As the runtime's.
    reconnectTimeWait: 250,
    reconnectJitter: 500,
  });
  void follow(connection, index);
}

/** Who is back since the last loss, and since when. */
const back = new Map<number, number>();

async function follow(connection: NatsConnection, index: number): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === "disconnect") back.delete(index);
    if (type !== "reconnect") continue;
    back.set(index, Date.now());
    if (back.size < authenticators.length) continue;
    const [first, median, last] = [0, 0.5, 1].map((q) => quantile([...back.values()], q));
    process.stdout.write(`BACK ${JSON.stringify({ first, median, last })}\n`);
    back.clear();
  }
}

for (let first = 0; first < authenticators.length; first += AT_A_TIME)
  await Promise.all(Array.from({ length: AT_A_TIME }, (_, i) => open(first + i)));
process.stdout.write("CONNECTED {}\n");
if (process.env["VEXTIR_BENCH_DEBUG"])
  setInterval(() => process.stderr.write(`${back.size} of ${authenticators.length} are back\n`), 2_000);
