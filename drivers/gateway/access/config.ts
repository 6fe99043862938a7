import { z } from "zod";
import { Grant } from "./grant.ts";

/** Asymmetric alone: with a shared secret whoever verifies tokens could also make them. */
export const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** HTTPS, or HTTP on this machine. */
export const isSafeUrl = (text: string) => {
  const url = URL.parse(text);
  return url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.has(url.hostname));
};

const SafeUrl = z.string().max(2_048).refine(isSafeUrl, "must be an https URL (http on this machine only)");

/** Public keys as RFC 7517 has them; private and symmetric ones have no place in a configuration. */
const PublicJwk = z
  .looseObject({ kty: z.enum(["RSA", "EC", "OKP"]) })
  .refine((key) => !("d" in key), "is a private key: the public one belongs here");

const ClaimName = z.string().min(1).max(200);

const Issuer = z
  .object({
    issuer: SafeUrl.describe("The claim iss, to the letter."),
    audiences: z
      .array(z.string().min(1).max(500))
      .min(1)
      .max(16)
      .describe("One of them must be in the claim aud."),
    jwksUrl: SafeUrl.optional().describe("Where its keys are; absent: its discovery document says."),
    jwks: z
      .object({ keys: z.array(PublicJwk).min(1).max(32) })
      .optional()
      .describe("Its public keys, instead of fetching them."),
    algorithms: z
      .array(z.enum(ALGORITHMS))
      .min(1)
      .default(["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"])
      .describe("Signatures that are taken."),
    clockSkewSeconds: z
      .int()
      .min(0)
      .max(300)
      .default(30)
      .describe("How far its clock may be from the gateway's."),
    userClaim: ClaimName.default("sub").describe("Claim that becomes the userid of events."),
    userPrefix: z
      .string()
      .max(64)
      .default("")
      .describe("Put before it, so that two issuers can't name the same user."),
    grants: z
      .array(
        Grant.extend({
          when: z
            .record(ClaimName, z.string().min(1).max(500))
            .default({})
            .describe("Claims that the token must have: equal, in its list, or a word of its text (scope)."),
        }),
      )
      .max(64)
      .describe("What its tokens allow; all that apply add up."),
  })
  .refine(
    ({ jwks, jwksUrl }) => jwks === undefined || jwksUrl === undefined,
    "jwks and jwksUrl exclude each other",
  );
export type Issuer = z.infer<typeof Issuer>;

const ApiKey = z.object({
  name: z
    .string()
    .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "lower-case letters, digits and '-', at most 63")
    .describe("Who holds it; while it is exchanged two keys may have one name."),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits: printf %s <key> | sha256sum")
    .describe(
      "SHA-256 of the key. The key is 32 random bytes or more, so that nothing is gained by guessing.",
    ),
  expires: z.iso.datetime({ offset: true }).describe("From then on it is refused."),
  user: z.string().min(1).max(256).optional().describe("The userid of the events that are sent with it."),
  grants: z.array(Grant).max(64).describe("What it allows."),
});
export type ApiKey = z.infer<typeof ApiKey>;

const unique = (values: readonly string[]) => new Set(values).size === values.length;

export const Auth = z
  .object({
    anonymous: Grant.omit({ users: true })
      .optional()
      .describe("What is allowed to whoever brings no proof of who they are; absent: nothing is."),
    issuers: z
      .array(Issuer)
      .max(16)
      .default([])
      .refine((issuers) => unique(issuers.map(({ issuer }) => issuer)), "an issuer may be named once")
      .refine(
        (issuers) => unique(issuers.map(({ userPrefix }) => userPrefix)),
        "each issuer needs a userPrefix of its own: they could name each other's users",
      )
      .describe("Whose bearer tokens (JWT) are taken."),
    apiKeys: z
      .array(ApiKey)
      .max(256)
      .default([])
      .refine((keys) => unique(keys.map(({ sha256 }) => sha256)), "a key may be named once")
      .describe("Keys that are taken in the header X-API-Key."),
  })
  .prefault({});
export type Auth = z.infer<typeof Auth>;

const Rate = (perSecond: number) =>
  z
    .object({
      perSecond: z.int().min(1).max(1_000_000).default(perSecond).describe("In the long run."),
      burst: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(2 * perSecond)
        .describe("At once, after a rest."),
    })
    .prefault({});

export const RateLimits = z
  .object({
    address: Rate(1_000).describe("Requests of one address, or of one /64 of IPv6, known or not."),
    principal: Rate(1_000).describe("Events and other requests of one user, key or anonymous address."),
  })
  .prefault({});
export type RateLimits = z.infer<typeof RateLimits>;
