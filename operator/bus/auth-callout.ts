import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { z } from "zod";
import { BusConnection, type BusEndpoint, type BusLog } from "./bus-connection.ts";
import { type CalloutDecision, type DriverIndex, decide, type Refusal } from "./callout-decision.ts";
import { readClaims, signClaims } from "./claims.ts";
import { NewestFirst } from "./newest-first.ts";
import type { TokenVerifier } from "./pod-token.ts";
import type { Realm } from "./realm.ts";
import { RefusalLog } from "./refusal-log.ts";

export interface AuthCalloutOptions extends BusEndpoint {
  realm: Realm;
  verifier: TokenVerifier;
  drivers: DriverIndex;
  log: BusLog;
  /** Told of every decision, for metrics. */
  decided?: (outcome: "Accepted" | Refusal) => void;
  /** Told after how long a question of the server's was answered, its waiting included. */
  answered?: (tookMs: number) => void;
}

export interface AuthCallout {
  /** False while the bus is away. */
  readonly isOnline: boolean;
  /** Resolves when it is served. @throws BusError `Unavailable` when it is not in time. */
  ready(timeoutMs?: number): Promise<void>;
  stop(): Promise<void>;
}

const SUBJECT = "$SYS.REQ.USER.AUTH";
/** Every replica of the operator answers; each request reaches one. */
const QUEUE = "callout";
const SERVER_KEY = "Nats-Server-Xkey";
/** As many pods as may come back at once; each takes a few kilobytes until it is decided. */
const MAX_WAITING = 8_192;
const MAX_RUNNING = 128;
/** nats-server waits three seconds. */
const DECISION_MS = 2_500;

const Request = z.object({
  nats: z.object({
    user_nkey: z.string().min(1),
    server_id: z.object({ id: z.string().min(1) }),
    connect_opts: z.object({ auth_token: z.string().optional() }),
    client_info: z.object({ host: z.string().optional() }).optional(),
  }),
});
type Request = z.infer<typeof Request>["nats"];

/**
 * Answers nats-server's question who somebody is that shows only a token. The callout says *who*: a user of the driver's
 * account, for as long as the token is good; what he may do is in the account.
 */
export function startAuthCallout(options: AuthCalloutOptions): AuthCallout {
  const callout = new Callout(options);
  const connection = new BusConnection({
    endpoint: options,
    name: "vextir-callout",
    user: options.realm.calloutUser,
    log: options.log,
    opened: (connection) => callout.serve(connection),
  });
  return {
    get isOnline() {
      return connection.isOnline;
    },
    ready: async (timeoutMs = 10_000) => {
      // The subscription is the server's when it has answered the ping that follows it.
      await (await connection.get(timeoutMs)).flush();
    },
    stop: async () => {
      await connection.stop();
      callout.stop();
    },
  };
}

class Callout {
  readonly #options: AuthCalloutOptions;
  readonly #refusals: RefusalLog;
  readonly #requests: NewestFirst<Msg>;

  constructor(options: AuthCalloutOptions) {
    this.#options = options;
    this.#refusals = new RefusalLog(options.log);
    this.#requests = new NewestFirst({
      work: (message, leftMs) => this.handle(message, leftMs).catch((cause) => this.failed(cause)),
      // Not answered: nats-server closes the connection at its time, and the client comes again a little later.
      dropped: () => this.tell(refusal("Overloaded", "more ask than can be answered in time")),
      patienceMs: DECISION_MS,
      maxRunning: MAX_RUNNING,
      maxWaiting: MAX_WAITING,
    });
  }

  stop() {
    this.#refusals.stop();
  }

  serve(connection: NatsConnection) {
    connection.subscribe(SUBJECT, {
      queue: QUEUE,
      // What is thrown here would end the subscription without a sign.
      callback: (error, message) => {
        if (!error) this.#requests.add(message);
      },
    });
  }

  private async handle(message: Msg, leftMs: number): Promise<void> {
    const askedMs = performance.now() - (DECISION_MS - leftMs);
    const serverKey = message.headers?.get(SERVER_KEY);
    const opened = serverKey ? this.open(message.data, serverKey) : undefined;
    const request = opened && readRequest(opened.body);
    if (!request || !serverKey) return this.tell(refusal("BadRequest", "not a server's request"));
    const { verifier, drivers } = this.#options;
    const decision = await within(leftMs, decide(request.connect_opts.auth_token, verifier, drivers));
    this.tell(decision, request);
    const answer = this.answer(request, decision);
    message.respond(opened.box.seal(Buffer.from(answer), serverKey));
    this.#options.answered?.(performance.now() - askedMs);
  }

  /** With the box that it was sealed for, which the answer is to be sealed by: an older one while the master is rotated. */
  private open(message: Uint8Array, serverKey: string) {
    for (const box of this.#options.realm.calloutBoxes) {
      const body = box.open(message, serverKey);
      if (body) return { box, body };
    }
    return undefined;
  }

  private answer(request: Request, decision: CalloutDecision): string {
    const { realm } = this.#options;
    const nats = decision.accepted ? { jwt: this.userOf(request, decision) } : { error: decision.refusal };
    return signClaims(
      {
        type: "authorization_response",
        name: "",
        subject: request.user_nkey,
        audience: request.server_id.id,
        nats: { ...nats, issuer_account: realm.auth.id },
      },
      realm.auth.signingKey,
    );
  }

  private userOf(request: Request, { driver, token }: CalloutDecision & { accepted: true }): string {
    const { realm } = this.#options;
    return realm.signUser(realm.driverAccount(driver.uid), {
      // A reload of the server asks again who everybody is. With a name of ours it would have thrown the token away
      // (2.15.2, auth_callout.go), and ended every connection.
      name: "",
      subject: request.user_nkey,
      expiresAt: Math.floor(token.expiresAt.getTime() / 1000),
    });
  }

  private tell(decision: CalloutDecision, request?: Request) {
    this.#options.decided?.(decision.accepted ? "Accepted" : decision.refusal);
    if (decision.accepted) return;
    this.#refusals.add(decision.refusal, decision.message, request?.client_info?.host);
  }

  private failed(error: unknown) {
    this.#options.decided?.("BadRequest");
    this.#refusals.add("BadRequest", `not answered: ${error}`, undefined);
  }
}

function readRequest(opened: Uint8Array): Request | undefined {
  const request = Request.safeParse(readClaims(Buffer.from(opened).toString("utf8")));
  return request.success ? request.data.nats : undefined;
}

async function within(ms: number, decision: Promise<CalloutDecision>): Promise<CalloutDecision> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CalloutDecision>((resolve) => {
    timer = setTimeout(() => resolve(refusal("Unavailable", "the token was not checked in time")), ms);
  });
  try {
    return await Promise.race([decision, late]);
  } finally {
    clearTimeout(timer);
  }
}

const refusal = (refusal: Refusal, message: string): CalloutDecision => ({
  accepted: false,
  refusal,
  message,
});
