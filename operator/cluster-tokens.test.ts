import { beforeEach, describe, expect, test } from "@jest/globals";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { BusError } from "./bus/index.ts";
import { ClusterError } from "./cluster.ts";
import { ClusterTokenVerifier, type TokenReviews } from "./cluster-tokens.ts";

const ISSUER = "https://kubernetes.default.svc";
const NOW = 1_800_000_000_000;
const { privateKey, publicKey } = await generateKeyPair("RS256");
const jwk = { ...(await exportJWK(publicKey)), kid: "one", alg: "RS256" };

let away: boolean;
let slow: boolean;
let pod: "present" | "gone" | "unknown";
let asked: number;
let now: number;
beforeEach(() => {
  away = false;
  slow = false;
  pod = "present";
  asked = 0;
  now = NOW;
});

const identity = {
  username: "system:serviceaccount:team:driver-a",
  uid: "account",
  pod: { name: "a-0", uid: "pod" },
};

/** An API server that knows every token, or is away. */
function verifier(known: typeof identity | object | undefined = identity) {
  const answer = async <T>(value: T) => {
    asked++;
    if (away) throw new ClusterError("Unavailable", "the API server is away");
    return value;
  };
  const reviews = {
    review: () => {
      const isSlow = slow;
      slow = false;
      return isSlow ? new Promise(() => {}) : answer(known);
    },
    keys: () => answer({ keys: [jwk] }),
    issuer: () => answer(ISSUER),
  } as unknown as TokenReviews;
  return new ClusterTokenVerifier({ reviews, clock: { now: () => now }, pods: { stateOf: () => pod } });
}

async function token(change: { audience?: string; issuer?: string; expiresIn?: number; pod?: boolean } = {}) {
  const { audience = "vextir-bus", issuer = ISSUER, expiresIn = 600, pod = true } = change;
  const claims = {
    "kubernetes.io": {
      namespace: "team",
      serviceaccount: { name: "driver-a", uid: "account" },
      ...(pod && { pod: { name: "a-0", uid: "pod" } }),
    },
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "RS256", kid: "one" })
    .setIssuer(issuer)
    .setAudience([audience])
    .setExpirationTime(NOW / 1_000 + expiresIn)
    .sign(privateKey);
}

const codeOf = async (work: Promise<unknown>) =>
  work.then(
    () => "accepted",
    (error) => (error instanceof BusError ? error.code : error),
  );

describe("a pod's token", () => {
  test("is what the API server says", async () => {
    expect(await verifier().verify(await token())).toEqual({
      ...{ namespace: "team", serviceAccount: "driver-a", uid: "account", podName: "a-0", podUid: "pod" },
      expiresAt: new Date(NOW + 600_000),
    });
  });

  const table = [
    { reason: "that nobody knows", known: undefined, want: "Refused" },
    { reason: "of a person", known: { ...identity, username: "admin" }, want: "Refused" },
    { reason: "of no pod", known: { ...identity, pod: undefined }, want: "Refused" },
  ];
  test.each(table)("$reason is refused", async ({ known, want }) => {
    // An `undefined` argument would be replaced by the default.
    const verify = known ? verifier(known) : verifier(null as never);
    expect(await codeOf(verify.verify(await token()))).toBe(want);
  });

  test("that was refused is not asked about again for a while", async () => {
    const verify = verifier(null as never);
    const bad = await token();
    for (let n = 0; n < 5; n++) expect(await codeOf(verify.verify(bad))).toBe("Refused");
    expect(asked).toBe(1);
    now += 3_000;
    expect(await codeOf(verify.verify(bad))).toBe("Refused");
    expect(asked).toBe(2);
  });

  test("of a pod that is known to be gone is refused, whatever the API server remembers", async () => {
    pod = "gone";
    expect(await codeOf(verifier().verify(await token()))).toBe("Refused");
  });

  test("of a pod that was not heard of yet is good when the API server says so", async () => {
    pod = "unknown";
    expect(await codeOf(verifier().verify(await token()))).toBe("accepted");
  });
});

test("one slow answer: that token is checked by the keys, the others are still asked about", async () => {
  const verify = verifier();
  await verify.refreshKeys();
  slow = true;
  const late = verify.verify(await token());
  await verify.verify(await token());
  expect(asked).toBe(3);
  expect(await codeOf(late)).toBe("accepted");
  await verify.verify(await token());
  expect(asked).toBe(4);
});

describe("while the API server is away", () => {
  test("nobody is let in whose keys were never seen", async () => {
    away = true;
    expect(await codeOf(verifier().verify(await token()))).toBe("Unavailable");
  });

  const table = [
    { reason: "a good token", change: {}, want: "accepted" },
    { reason: "another audience", change: { audience: "vextir-hub" }, want: "Refused" },
    { reason: "another cluster", change: { issuer: "https://elsewhere" }, want: "Refused" },
    { reason: "ended", change: { expiresIn: -1 }, want: "Refused" },
    { reason: "of no pod", change: { pod: false }, want: "Refused" },
  ];
  test.each(table)("$reason: $want", async ({ change, want }) => {
    const verify = verifier();
    await verify.refreshKeys();
    away = true;
    expect(await codeOf(verify.verify(await token(change)))).toBe(want);
  });

  test.each(["gone", "unknown"] as const)("a token of a pod that is %s is refused", async (state) => {
    const verify = verifier();
    await verify.refreshKeys();
    away = true;
    pod = state;
    expect(await codeOf(verify.verify(await token()))).toBe("Refused");
  });

  test("it is asked again after a while, not for every token", async () => {
    const verify = verifier();
    await verify.refreshKeys();
    away = true;
    for (let n = 0; n < 9; n++) await verify.verify(await token());
    expect(asked).toBe(2 + 3);
    now += 5_000;
    away = false;
    await verify.verify(await token());
    await verify.verify(await token());
    expect(asked).toBe(2 + 3 + 2);
  });
});
