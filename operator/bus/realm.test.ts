import { describe, expect, test } from "@jest/globals";
import { decode } from "@nats-io/jwt";
import { fromSeed } from "@nats-io/nkeys";
import { readClaims } from "./claims.ts";
import { createRealm } from "./realm.ts";
import { serverConfig } from "./server-config.ts";

const realm = createRealm(new Uint8Array(32).fill(1));

describe("claims, as the client library reads and verifies them", () => {
  test("the operator trusts two signing keys, and only those", async () => {
    const operator = await decode<Record<string, unknown>>(realm.operatorJwt);
    expect(operator.nats).toMatchObject({
      signing_keys: realm.operatorSigningKeys,
      strict_signing_key_usage: true,
      system_account: realm.system.id,
    });
    expect(operator.iss).toBe(operator.sub);
  });

  test.each(["system", "auth", "vextir"] as const)(
    "account %s is signed by the first of them",
    async (name) => {
      const account = await decode(realm[name].jwt);
      expect(account.iss).toBe(realm.operatorSigningKeys[0]);
      expect(account.sub).toBe(realm[name].id);
    },
  );

  test("a driver's user is of the driver's account and ends with its token", async () => {
    const account = realm.driverAccount("u1");
    const user = { name: "n", subject: realm.systemUser().key.publicKey, expiresAt: 2_000_000_000 };
    const claims = await decode<Record<string, unknown>>(realm.signUser(account, user));
    expect(claims).toMatchObject({ exp: 2_000_000_000, iss: account.signingKey.publicKey });
    expect(claims.nats["issuer_account"]).toBe(account.id);
    expect(claims.nats["bearer_token"]).toBeUndefined();
  });

  test("the context hub's credentials hold its own key, and are the same until the master is another", async () => {
    const text = realm.hubCredentials();
    const [jwt = ""] = /eyJ[\w.-]+/.exec(text) ?? [];
    const [seed = ""] = /^SU[A-Z2-7]{56}$/m.exec(text) ?? [];
    const claims = await decode<Record<string, unknown>>(jwt);
    expect(claims).toMatchObject({ iss: realm.vextir.signingKey.publicKey, name: "context-hub" });
    expect(claims.sub).toBe(fromSeed(new TextEncoder().encode(seed)).getPublicKey());
    expect(claims.nats).toMatchObject({ pub: { allow: ["hub.policy.page"] } });
    expect(createRealm(new Uint8Array(32).fill(1)).hubCredentials()).toBe(text);
    expect(createRealm(new Uint8Array(32).fill(2)).hubCredentials()).not.toBe(text);
  });

  test("the sentinel is the only bearer, and may do nothing", () => {
    expect(readClaims(realm.sentinelJwt)["nats"]).toMatchObject({
      bearer_token: true,
      pub: { deny: [">"] },
      sub: { deny: [">"] },
    });
  });
});

describe("the server's configuration", () => {
  const options = { realm, serverName: "s", listen: { host: "127.0.0.1", port: 4222 }, storeDir: "/data" };

  test("is the same in every run, and holds no seed", () => {
    const again = serverConfig({ ...options, realm: createRealm(new Uint8Array(32).fill(1)) });
    expect(serverConfig(options)).toBe(again);
    expect(again).not.toMatch(/\bS[OAUX][A-Z2-7]{40,}/);
  });

  test("syncs before it acknowledges", () => {
    expect(serverConfig(options)).toContain("sync_interval: always");
  });
});
