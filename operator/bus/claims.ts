import type { Account } from "@nats-io/jwt";
import { contentId, type SigningKey } from "./nkey.ts";

/** The kinds of claims that NATS knows (its JWT version 2). */
export type ClaimsType = "operator" | "account" | "user" | "authorization_response" | "generic";

/** NATS' own part of an account's claims. */
export type AccountClaims = Omit<Account, "type" | "version">;

export interface Claims {
  type: ClaimsType;
  /** Default: made of the content. */
  id?: string;
  name: string;
  /** Public key of what the claims are about. */
  subject: string;
  /** The part that is NATS' own. */
  nats: Readonly<Record<string, unknown>>;
  audience?: string;
  /** Seconds since 1970; default: now. Given for claims whose text must not change from run to run. */
  issuedAt?: number;
  /** Seconds since 1970. */
  expiresAt?: number;
}

const HEADER = encode({ typ: "JWT", alg: "ed25519-nkey" });

export function signClaims(claims: Claims, signer: SigningKey): string {
  const { type, name, subject, nats, audience, expiresAt } = claims;
  const payload = {
    iat: claims.issuedAt ?? Math.floor(Date.now() / 1000),
    iss: signer.publicKey,
    name,
    sub: subject,
    ...(audience && { aud: audience }),
    ...(expiresAt && { exp: expiresAt }),
    nats: { ...nats, type, version: 2 },
  };
  const body = encode({ jti: claims.id ?? contentId(JSON.stringify(payload)), ...payload });
  const signed = `${HEADER}.${body}`;
  return `${signed}.${signer.sign(signed).toString("base64url")}`;
}

/** The payload of a JWT, unverified: for what the server itself said. @throws SyntaxError when it is none. */
export function readClaims(token: string): Record<string, unknown> {
  const [, body] = token.split(".");
  const payload: unknown = JSON.parse(Buffer.from(body ?? "", "base64url").toString("utf8"));
  if (payload === null || typeof payload !== "object") throw new SyntaxError("a JWT's payload is an object");
  return payload as Record<string, unknown>;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
