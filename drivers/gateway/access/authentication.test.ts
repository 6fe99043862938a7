import { createHash, createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { exportJWK, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from "jose";
import type { z } from "zod";
import { Authentication } from "./authentication.ts";
import { Auth } from "./config.ts";

/** An issuer with an HTTP server of its own, and faults to order. */
class TestIssuer {
  readonly #server: Server;
  readonly #keys = new Map<string, Awaited<ReturnType<typeof generateKeyPair>>["privateKey"]>();
  published: JWK[] = [];
  fetches = 0;
  /** Replaces the answer. */
  fault: { status: number; body: string } | undefined;
  /** What the discovery document says of itself; default: the truth. */
  says: string | undefined;

  constructor() {
    this.#server = createServer((request, response) => {
      if (request.url !== "/keys" && !this.fault) {
        response.end(JSON.stringify({ issuer: this.says ?? this.url, jwks_uri: `${this.url}/keys` }));
        return;
      }
      this.fetches++;
      response.statusCode = this.fault?.status ?? 200;
      if (this.fault?.status === 302) response.setHeader("location", "/keys");
      response.end(this.fault?.body ?? JSON.stringify({ keys: this.published }));
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    await this.addKey("first");
  }

  async addKey(kid: string, alg = "ES256"): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair(alg);
    this.#keys.set(kid, privateKey);
    this.published.push({ ...(await exportJWK(publicKey)), kid, alg });
  }

  async token(claims: Record<string, unknown> = {}, kid = "first", alg = "ES256"): Promise<string> {
    const key = this.#keys.get(kid);
    if (!key) throw new Error(`no key ${kid}`);
    return new SignJWT({ iss: this.url, aud: "vextir", sub: "ada", exp: nowS() + 300, ...claims })
      .setProtectedHeader({ alg, kid })
      .sign(key);
  }

  stop(): void {
    this.#server.close();
  }
}

let now = Date.now();
const nowS = () => Math.floor(now / 1_000);
const issuer = new TestIssuer();
beforeAll(() => issuer.start());
afterAll(() => issuer.stop());
beforeEach(() => {
  now = Date.now();
  issuer.fault = undefined;
  issuer.says = undefined;
});

const grants = [{ publish: ["chat.>"] }];
const authentication = (auth: z.input<typeof Auth>) => new Authentication(Auth.parse(auth), () => now);
const byIssuer = (changes: object = {}) =>
  authentication({ issuers: [{ issuer: issuer.url, audiences: ["vextir"], grants, ...changes }] });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe("bearer tokens", () => {
  test("a good one: its user, and what its claims allow", async () => {
    const known = byIssuer({
      userPrefix: "corp:",
      grants: [
        { publish: ["chat.>"] },
        { when: { scope: "mail" }, publish: ["mail.>"] },
        { when: { groups: "ops" }, read: [">"], users: "Any" },
        { when: { groups: "root" }, publish: [">"] },
        { when: { title: "big" }, publish: [">"] },
      ],
    });
    const token = await issuer.token({ scope: "openid mail", groups: ["ops"], title: "big boss" });
    expect(await known.principal(bearer(token), "here")).toEqual({
      id: `user:${issuer.url}#corp:ada`,
      userId: "corp:ada",
      expiresMs: (nowS() + 300) * 1_000,
      grants: [
        expect.objectContaining({ publish: ["chat.>"], users: "Own" }),
        expect.objectContaining({ publish: ["mail.>"] }),
        expect.objectContaining({ read: [">"], users: "Any" }),
      ],
    });
  });

  test("keys in the configuration need no fetch", async () => {
    const before = issuer.fetches;
    const known = byIssuer({ jwks: { keys: issuer.published } });
    expect((await known.principal(bearer(await issuer.token()), "here")).userId).toBe("ada");
    expect(issuer.fetches).toBe(before);
  });

  test.each<{ reason: string; token: () => Promise<string> | string }>([
    { reason: "expired", token: () => issuer.token({ exp: nowS() - 31 }) },
    { reason: "not yet valid", token: () => issuer.token({ nbf: nowS() + 31 }) },
    { reason: "for another audience", token: () => issuer.token({ aud: "other" }) },
    { reason: "of another issuer", token: () => issuer.token({ iss: "https://example.org" }) },
    { reason: "without an end", token: () => issuer.token({ exp: undefined }) },
    { reason: "without a user", token: () => issuer.token({ sub: undefined }) },
    { reason: "of a user with a line break", token: () => issuer.token({ sub: "ada\r\nx" }) },
    { reason: "no token", token: () => "a.b.c" },
    { reason: "too long", token: () => issuer.token({ x: "x".repeat(9_000) }) },
    { reason: "unsigned", token: () => unsigned() },
    { reason: "signed by a secret that is the public key", token: () => confused() },
    { reason: "changed after signing", token: async () => changed(await issuer.token()) },
  ])("refused: $reason", async ({ token }) => {
    const refused = byIssuer().principal(bearer(await token()), "here");
    await expect(refused).rejects.toMatchObject({
      code: "Unauthenticated",
      headers: { "www-authenticate": expect.stringMatching(/^Bearer realm="vextir", error="invalid_token"/) },
    });
  });

  test("clocks may differ by what is configured", async () => {
    const token = await issuer.token({ exp: nowS() - 29 });
    expect((await byIssuer().principal(bearer(token), "here")).userId).toBe("ada");
    await expect(byIssuer({ clockSkewSeconds: 5 }).principal(bearer(token), "here")).rejects.toMatchObject({
      status: 401,
    });
  });

  test("an algorithm that is not listed is refused, though the key is known", async () => {
    const known = byIssuer({ algorithms: ["RS256"] });
    await expect(known.principal(bearer(await issuer.token()), "here")).rejects.toThrow(/algorithm/);
  });

  test("an address that the issuer did not verify is no user", async () => {
    const known = byIssuer({ userClaim: "email" });
    const email = "ada@example.org";
    await expect(known.principal(bearer(await issuer.token({ email })), "here")).rejects.toMatchObject({
      status: 401,
    });
    const verified = await issuer.token({ email, email_verified: true });
    expect((await known.principal(bearer(verified), "here")).userId).toBe(email);
  });

  test("a new key is fetched when it is first seen, unknown ones not more than twice a minute", async () => {
    const known = byIssuer();
    await known.principal(bearer(await issuer.token()), "here");
    await issuer.addKey("second");
    now += 31_000;
    const fetches = issuer.fetches;
    expect((await known.principal(bearer(await issuer.token({}, "second")), "here")).userId).toBe("ada");
    await issuer.addKey("unknown");
    issuer.published = issuer.published.filter(({ kid }) => kid !== "unknown");
    for (let i = 0; i < 20; i++) {
      const refused = known.principal(bearer(await issuer.token({}, "unknown")), "here");
      await expect(refused).rejects.toThrow(/its key is not known/);
    }
    expect(issuer.fetches - fetches).toBe(1);
  });

  test("a withdrawn key is taken no longer than ten minutes", async () => {
    await issuer.addKey("withdrawn");
    const known = byIssuer();
    const token = await issuer.token({ exp: nowS() + 7_200 }, "withdrawn");
    await known.principal(bearer(token), "here");
    issuer.published = issuer.published.filter(({ kid }) => kid !== "withdrawn");
    now += 600_001;
    // The first one after that makes for the fetch; those after it see what it brought.
    for (let taken = true; taken; )
      taken = await known.principal(bearer(token), "here").then(
        () => true,
        (error) => error.status !== 401,
      );
  });

  test("while the issuer is away its keys do for an hour; then, and without any, 503", async () => {
    const known = byIssuer();
    const token = await issuer.token({ exp: nowS() + 7_200 });
    await known.principal(bearer(token), "here");
    issuer.fault = { status: 500, body: "" };
    now += 3_000_000;
    expect((await known.principal(bearer(token), "here")).userId).toBe("ada");
    now += 700_000;
    await expect(known.principal(bearer(token), "here")).rejects.toMatchObject({ code: "KeysUnavailable" });
    await expect(byIssuer().principal(bearer(token), "here")).rejects.toMatchObject({ status: 503 });
  });

  test.each([
    { reason: "endless", fault: { status: 200, body: `{"keys":[${" ".repeat(300_000)}]}` } },
    { reason: "no JSON", fault: { status: 200, body: "<html>" } },
    { reason: "elsewhere", fault: { status: 302, body: "" } },
  ])("keys that are $reason are none", async ({ fault }) => {
    const known = byIssuer({ jwksUrl: `${issuer.url}/keys` });
    issuer.fault = fault;
    await expect(known.principal(bearer(await issuer.token()), "here")).rejects.toMatchObject({
      code: "KeysUnavailable",
    });
  });

  test("a discovery document of another issuer is not believed", async () => {
    issuer.says = "https://example.org";
    await expect(byIssuer().principal(bearer(await issuer.token()), "here")).rejects.toMatchObject({
      code: "KeysUnavailable",
    });
  });

  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = () => ({ iss: issuer.url, aud: "vextir", sub: "root", exp: nowS() + 300 });
  const unsigned = () => new UnsecuredJWT(claims()).encode();
  function confused(): string {
    const signed = `${part({ alg: "HS256", kid: "first" })}.${part(claims())}`;
    const secret = JSON.stringify(issuer.published[0]);
    return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
  }
  function changed(token: string): string {
    const [header, , signature] = token.split(".");
    return [header, part(claims()), signature].join(".");
  }
});

describe("API keys", () => {
  const key = "vxk_1f0c5d1e6a8b4c3d9e7f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d";
  const sha256 = createHash("sha256").update(key).digest("hex");
  const known = authentication({
    apiKeys: [
      { name: "ci", sha256, expires: "2100-01-01T00:00:00Z", user: "robot", grants },
      { name: "old", sha256: sha256.replace(/^./, "0"), expires: "2000-01-01T00:00:00Z", grants },
    ],
  });

  test("a known one: its holder, its user, its grants", async () => {
    expect(await known.principal({ "x-api-key": key }, "here")).toMatchObject({
      id: "key:ci",
      userId: "robot",
      grants: [{ publish: ["chat.>"], users: "Own" }],
    });
  });

  test.each([
    { reason: "another", headers: { "x-api-key": `${key}0` } },
    { reason: "empty", headers: { "x-api-key": "" } },
    { reason: "its digest in its place", headers: { "x-api-key": sha256 } },
    { reason: "with a token beside it", headers: { "x-api-key": key, authorization: "Bearer a.b.c" } },
    { reason: "as a bearer token", headers: { authorization: `Bearer ${key}` } },
    { reason: "as a password", headers: { authorization: "Basic Y2k6a2V5" } },
    { reason: "none at all", headers: {} },
  ])("refused: $reason", async ({ headers }) => {
    await expect(known.principal(headers, "here")).rejects.toMatchObject({ code: "Unauthenticated" });
  });

  test("after its end it is refused", async () => {
    now = Date.parse("2100-01-01T00:00:00Z");
    await expect(known.principal({ "x-api-key": key }, "here")).rejects.toMatchObject({ status: 401 });
  });
});

describe("strangers", () => {
  test("are let in only where the configuration says so, and each by his address", async () => {
    const open = authentication({ anonymous: { publish: ["chat.>"] } });
    expect(await open.principal({}, "192.0.2.1")).toEqual({
      id: "anonymous:192.0.2.1",
      grants: [{ publish: ["chat.>"], read: [], tools: [], users: "Own" }],
    });
    await expect(authentication({}).principal({}, "192.0.2.1")).rejects.toMatchObject({
      headers: { "www-authenticate": 'Bearer realm="vextir"' },
    });
  });

  test("who shows a bad proof is no stranger", async () => {
    const open = authentication({ anonymous: { publish: [">"] } });
    await expect(open.principal({ "x-api-key": "x" }, "here")).rejects.toMatchObject({ status: 401 });
    await expect(open.principal(bearer("a.b.c"), "here")).rejects.toMatchObject({ status: 401 });
  });
});

describe("a configuration is refused", () => {
  const base = { issuer: "https://id.example.org", audiences: ["x"], grants: [] };
  test.each([
    { reason: "a symmetric algorithm", issuers: [{ ...base, algorithms: ["HS256"] }] },
    { reason: "an issuer without TLS", issuers: [{ ...base, issuer: "http://id.example.org" }] },
    { reason: "keys without TLS", issuers: [{ ...base, jwksUrl: "http://id.example.org/keys" }] },
    { reason: "a symmetric key", issuers: [{ ...base, jwks: { keys: [{ kty: "oct", k: "x" }] } }] },
    { reason: "a private key", issuers: [{ ...base, jwks: { keys: [{ kty: "OKP", d: "x" }] } }] },
    { reason: "no audience", issuers: [{ ...base, audiences: [] }] },
    {
      reason: "two issuers that could name the same user",
      issuers: [base, { ...base, issuer: "https://other.example.org" }],
    },
  ])("$reason", ({ issuers }) => {
    expect(Auth.safeParse({ issuers }).success).toBe(false);
  });
});
