import {
  createLocalJWKSet,
  decodeJwt,
  errors,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
} from "jose";
import { Problem } from "../problem.ts";
import type { Issuer } from "./config.ts";
import type { Principal } from "./grant.ts";
import { KeySource } from "./key-source.ts";

/** Why a token is not taken; the text goes to the client. */
export class BadToken extends Error {}

/** Where an issuer's keys come from. */
interface Keys {
  keys(): Promise<JSONWebKeySet>;
  newer(): Promise<JSONWebKeySet | undefined>;
}

interface Known {
  config: Issuer;
  keys: Keys;
}

const MAX_TOKEN = 8_192;
/** Keys without an id that all fit: tried one after the other. */
const MAX_TRIED = 4;
/** A user's name goes into an attribute of events. */
const USER = /^[^\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]{1,256}$/u;

/** Bearer tokens: JWTs of the issuers that the configuration names (RFC 7519, RFC 8725). */
export class Tokens {
  readonly #issuers: ReadonlyMap<string, Known>;
  readonly #now: () => number;

  constructor(issuers: readonly Issuer[], now: () => number = Date.now) {
    this.#now = now;
    this.#issuers = new Map(issuers.map((config) => [config.issuer, { config, keys: keysOf(config, now) }]));
  }

  /** @throws BadToken; Problem `KeysUnavailable` */
  async verify(token: string): Promise<Principal> {
    const issuer = this.#issuers.get(issuerOf(token));
    if (!issuer) throw new BadToken("its issuer is not known here");
    return principalOf(await this.#claims(token, issuer), issuer.config);
  }

  async #claims(token: string, issuer: Known): Promise<JWTPayload> {
    const options = {
      issuer: issuer.config.issuer,
      audience: issuer.config.audiences,
      algorithms: issuer.config.algorithms,
      clockTolerance: issuer.config.clockSkewSeconds,
      requiredClaims: ["exp", issuer.config.userClaim],
      currentDate: new Date(this.#now()),
    };
    try {
      return await this.#verified(token, issuer.keys, options);
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new BadToken(reasonOf(error), { cause: error });
      throw error;
    }
  }

  async #verified(token: string, source: Keys, options: JWTVerifyOptions): Promise<JWTPayload> {
    try {
      return await verifyBy(await keysNow(source), token, options);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      const newer = await source.newer();
      if (!newer) throw error;
      return verifyBy(newer, token, options);
    }
  }
}

function keysOf({ issuer, jwks, jwksUrl }: Issuer, now: () => number): Keys {
  if (!jwks) return new KeySource({ issuer, jwksUrl, now });
  return { keys: async () => jwks, newer: async () => undefined };
}

async function keysNow(source: Keys): Promise<JSONWebKeySet> {
  try {
    return await source.keys();
  } catch (cause) {
    throw new Problem("KeysUnavailable", "the issuer's keys can't be had now: try again", { cause });
  }
}

/** Before anything is proved: only to know whose keys to prove it with. */
function issuerOf(token: string): string {
  if (token.length > MAX_TOKEN) throw new BadToken("it is too long");
  try {
    return decodeJwt(token).iss ?? "";
  } catch (cause) {
    throw new BadToken("it is no JWT", { cause });
  }
}

async function verifyBy(keys: JSONWebKeySet, token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, createLocalJWKSet(keys), options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    let tried = 0;
    for await (const key of error) {
      if (++tried > MAX_TRIED) break;
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

function reasonOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return "it has expired";
  if (error instanceof errors.JWTClaimValidationFailed)
    return `its claim "${error.claim}" is not as it must be`;
  if (error instanceof errors.JOSEAlgNotAllowed) return "its algorithm is not allowed";
  if (error instanceof errors.JWKSNoMatchingKey) return "its key is not known";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "its signature is wrong";
  return "it is not valid";
}

function principalOf(claims: JWTPayload, { issuer, userClaim, userPrefix, grants }: Issuer): Principal {
  const user = claims[userClaim];
  if (typeof user !== "string" || !USER.test(userPrefix + user))
    throw new BadToken(`its claim "${userClaim}" names no user`);
  // An address that nobody checked could be anybody's.
  if (userClaim === "email" && claims["email_verified"] !== true)
    throw new BadToken('its claim "email" is not verified');
  const userId = userPrefix + user;
  return {
    id: `user:${issuer}#${userId}`,
    userId,
    grants: grants.filter(({ when }) =>
      Object.entries(when).every(([name, want]) => has(claims, name, want)),
    ),
    expiresMs: Number(claims.exp) * 1_000,
  };
}

/** Claims whose text is a list of words: `scope` by RFC 8693, `scp` where issuers call it so. Elsewhere a space is a space. */
const WORDS = new Set(["scope", "scp"]);

function has(claims: JWTPayload, name: string, want: string): boolean {
  const claim = claims[name];
  if (Array.isArray(claim)) return claim.includes(want);
  if (typeof claim === "string")
    return claim === want || (WORDS.has(name) && claim.split(" ").includes(want));
  return (typeof claim === "boolean" || typeof claim === "number") && String(claim) === want;
}
