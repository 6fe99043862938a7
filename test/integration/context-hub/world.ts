import type { Metadata } from "@grpc/grpc-js";
import { HUB_AUDIENCE } from "@vextir/api";
import { Access, type PolicyFeed } from "@vextir/context-hub/access/access.ts";
import { authenticator } from "@vextir/context-hub/access/authenticate.ts";
import type { Grant } from "@vextir/context-hub/access/grants.ts";
import { ASSERTION_AUDIENCE } from "@vextir/context-hub/access/user-assertion.ts";
import { openHubDatabase } from "@vextir/context-hub/database/open.ts";
import { Store } from "@vextir/context-hub/documents/store.ts";
import { hubSchema } from "@vextir/context-hub/schema/migrate.ts";
import { type HubParts, hubOf } from "@vextir/context-hub/serving/hub.ts";
import { type HubServer, type HubServerOptions, startServer } from "@vextir/context-hub/serving/server.ts";
import { type Database, migrate } from "@vextir/database";
import { generateKeyPair, SignJWT } from "jose";
import pg from "pg";
import { metadataOf, ROLES, ROOT, type Role, type Target } from "../../conformance/context-hub/target.ts";
import { type Home, pgliteHome, postgresHome } from "../../fixtures/database-home.ts";
import { PostgresProcess } from "../../fixtures/postgres.ts";

const HUB = { user: "hub", password: "another secret of the tests" };

/** Where hubs' databases can be opened. */
export const homes: Record<string, () => Promise<Home>> = {
  PostgreSQL: async () => {
    const server = await PostgresProcess.start({ vector: true });
    await prepare(server).catch(async (error) => {
      await server.remove();
      throw error;
    });
    const url = server.url.replace("ledger@", `${HUB.user}@`).replace(/\/postgres$/, "/hub");
    return postgresHome(openHubDatabase, server, { url, password: HUB.password });
  },
  PGlite: () => pgliteHome(openHubDatabase),
};

/** What an administrator does: the hub's user is no superuser, and may not make the extension that isn't trusted. */
async function prepare({ url, password }: PostgresProcess): Promise<void> {
  const run = async (at: string, statements: string[]) => {
    const whole = new URL(at);
    // The client takes what the URL says before what it is given beside it.
    whole.password = encodeURIComponent(password);
    const client = new pg.Client({ connectionString: whole.href });
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
  };
  await run(url, [
    `create role ${HUB.user} login createrole password '${HUB.password}'`,
    `create database hub owner ${HUB.user}`,
  ]);
  await run(url.replace(/\/postgres$/, "/hub"), ["create extension vector", "create extension pg_trgm"]);
}

export const ISSUER = "https://tokens.test";
const VERBS = ["read", "write", "search", "synthesize"] as const;
const all = (users: Grant["users"], collection = ROOT): Grant[] => [{ collection, verbs: VERBS, users }];

const GRANTS: Record<Role, Grant[]> = {
  full: all("All"),
  writer: [{ collection: ROOT, verbs: ["write"], users: "All" }],
  reader: [{ collection: `${ROOT}/open`, verbs: ["read", "search"], users: "All" }],
  own: all("Caller"),
  ungranted: [],
  foreign: all("All"),
};

/** What the operator would say, said by a test. */
export class SaidPolicy implements PolicyFeed {
  readonly grants = new Map<string, readonly Grant[]>();
  isFresh = true;

  grantsOf({ tenant, driver }: { tenant: string; driver: string }): readonly Grant[] | undefined {
    return this.grants.get(`${tenant}/${driver}`);
  }
}

/** Makes tokens as the cluster, and assertions as a gateway, would. */
export class Tokens {
  readonly #pods: Awaited<ReturnType<typeof generateKeyPair>>;
  readonly #gateway: Awaited<ReturnType<typeof generateKeyPair>>;

  private constructor(pods: Tokens["keys"], gateway: Tokens["keys"]) {
    this.#pods = pods;
    this.#gateway = gateway;
  }

  static async create(): Promise<Tokens> {
    return new Tokens(await generateKeyPair("ES256"), await generateKeyPair("ES256"));
  }

  get keys() {
    return this.#pods;
  }

  authenticate() {
    return authenticator({
      tokens: { keys: async () => this.#pods.publicKey, issuer: ISSUER },
      assertionKeysOf: () => async () => this.#gateway.publicKey,
    });
  }

  pod(
    tenant: string,
    driver: string,
    claims: { audience?: string; expires?: string; uid?: string } = {},
  ): Promise<string> {
    const serviceaccount = { name: `driver-${driver}`, uid: claims.uid ?? `uid-of-${driver}` };
    return new SignJWT({
      "kubernetes.io": { namespace: tenant, pod: { name: "p", uid: "p" }, serviceaccount },
    })
      .setProtectedHeader({ alg: "ES256" })
      .setIssuer(ISSUER)
      .setAudience(claims.audience ?? HUB_AUDIENCE)
      .setIssuedAt()
      .setExpirationTime(claims.expires ?? "10 minutes")
      .sign(this.#pods.privateKey);
  }

  assertion(tenant: string, user: string, lifetime = "10 minutes"): Promise<string> {
    return new SignJWT({ tenant })
      .setProtectedHeader({ alg: "ES256" })
      .setSubject(user)
      .setAudience(ASSERTION_AUDIENCE)
      .setIssuedAt()
      .setExpirationTime(lifetime)
      .sign(this.#gateway.privateKey);
  }
}

export interface HubExtras extends Pick<HubParts, "embedding" | "chat">, Pick<HubServerOptions, "ended"> {
  /** Default: what the test says. */
  policy?: PolicyFeed;
}

/** A hub in this process, with the callers that the conformance suite wants. */
export class HubWorld {
  readonly store: Store;
  readonly policy: SaidPolicy;
  readonly tokens: Tokens;
  readonly target: Target;
  readonly #server: HubServer;

  private constructor(parts: Pick<HubWorld, "store" | "policy" | "tokens" | "target">, server: HubServer) {
    this.store = parts.store;
    this.policy = parts.policy;
    this.tokens = parts.tokens;
    this.target = parts.target;
    this.#server = server;
  }

  static async start(database: Database, schema: string, more: HubExtras = {}): Promise<HubWorld> {
    await migrate(database, hubSchema(schema));
    const [store, policy, tokens] = [new Store(database, schema), new SaidPolicy(), await Tokens.create()];
    const { embedding, chat, ended } = more;
    const implementation = hubOf({ store, access: new Access(more.policy ?? policy), embedding, chat });
    const server = await startServer({
      implementation,
      authenticate: tokens.authenticate(),
      address: "127.0.0.1:0",
      ...(ended && { ended }),
    });
    const metadata = new Map<string, Metadata>();
    for (const role of ROLES) {
      const tenant = role === "foreign" ? "beta" : "alpha";
      policy.grants.set(`${tenant}/${role}`, GRANTS[role]);
      const token = await tokens.pod(tenant, role);
      metadata.set(`${role}/`, metadataOf(token));
      for (const user of ["anna", "bert"])
        metadata.set(`${role}/${user}`, metadataOf(token, await tokens.assertion(tenant, user)));
    }
    const target: Target = {
      address: `127.0.0.1:${server.port}`,
      vectors: more.embedding !== undefined,
      as: (role, user = "") => metadata.get(`${role}/${user}`) as Metadata,
    };
    return new HubWorld({ store, policy, tokens, target }, server);
  }

  async stop(): Promise<void> {
    await this.#server.stop(1_000);
    await this.store.database.close();
  }
}
