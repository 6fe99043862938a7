import { describe, expect, test } from "@jest/globals";
import { createAccount, createOperator, createUser, fromPublic } from "@nats-io/nkeys";
import fc from "fast-check";
import { DerivedKeys } from "./derived-keys.ts";
import { decodePublicKey, encodePublicKey, fromBase32, SigningKey } from "./nkey.ts";

const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
const create = { operator: createOperator, account: createAccount, user: createUser };
const kinds = ["operator", "account", "user"] as const;

describe("against the client library's keys", () => {
  test.each(kinds)("%s: the same seed gives the same public key and signature", (kind) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
        const theirs = create[kind]();
        // Two bytes of prefix, 32 of the seed, two of the checksum.
        const ours = new SigningKey(
          kind,
          fromBase32(Buffer.from(theirs.getSeed()).toString()).subarray(2, 34),
        );
        expect(ours.publicKey).toBe(theirs.getPublicKey());
        expect(Buffer.from(theirs.sign(data)).equals(ours.sign(data))).toBe(true);
        expect(fromPublic(ours.publicKey).verify(data, ours.sign(data))).toBe(true);
      }),
      { numRuns: 5 },
    );
  });

  test.each([...kinds, "curve"] as const)(
    "%s: a public key is read back, but not as another kind's",
    (kind) => {
      fc.assert(
        fc.property(seed, (bytes) => {
          const text = encodePublicKey(kind, bytes);
          expect(decodePublicKey(kind, text)).toEqual(Buffer.from(bytes));
          expect(decodePublicKey(kind === "user" ? "account" : "user", text)).toBeUndefined();
          expect(decodePublicKey(kind, text.slice(0, -1))).toBeUndefined();
        }),
      );
    },
  );
});

describe("derived keys", () => {
  const master = new Uint8Array(32).fill(7);
  const keys = new DerivedKeys(master);

  test("are the same for the same secret", () => {
    const again = new DerivedKeys(Uint8Array.from(master));
    expect(keys.signing("account", "driver-account", "u1").publicKey).toBe(
      again.signing("account", "driver-account", "u1").publicKey,
    );
  });

  test.each([
    { other: () => keys.signing("account", "driver-account", "u2"), reason: "another uid" },
    { other: () => keys.signing("account", "driver-account", "u1", 2), reason: "another epoch" },
    { other: () => keys.signing("account", "account-signing", "u1"), reason: "another purpose" },
    {
      other: () => new DerivedKeys(new Uint8Array(32)).signing("account", "driver-account", "u1"),
      reason: "another secret",
    },
  ])("differ by $reason", ({ other }) => {
    expect(other().publicKey).not.toBe(keys.signing("account", "driver-account", "u1").publicKey);
  });

  test("are not made of a secret of another length", () => {
    expect(() => new DerivedKeys(new Uint8Array(31))).toThrow(RangeError);
  });
});
