import type { IncomingHttpHeaders } from "node:http";
import { Problem } from "../problem.ts";
import { ApiKeys } from "./api-keys.ts";
import type { Auth } from "./config.ts";
import type { Principal } from "./grant.ts";
import type { Tokens } from "./tokens.ts";

export const API_KEY_HEADER = "x-api-key";
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** Says who sends a request: by a bearer token, by an API key, or nobody in particular where that is allowed. */
export class Authentication {
  readonly #auth: Auth;
  readonly #keys: ApiKeys;
  readonly #now: () => number;
  #tokens: Tokens | undefined;

  constructor(auth: Auth, now: () => number = Date.now) {
    this.#auth = auth;
    this.#now = now;
    this.#keys = new ApiKeys(auth.apiKeys, now);
  }

  /** `network` tells one stranger from another. @throws Problem `Unauthenticated`, `KeysUnavailable` */
  async principal(headers: IncomingHttpHeaders, network: string): Promise<Principal> {
    const { authorization } = headers;
    const key = headers[API_KEY_HEADER];
    if (authorization !== undefined && key !== undefined)
      throw this.#refused("a bearer token and an API key: send one of them", "invalid_request");
    if (key !== undefined) return this.#byKey(String(key));
    if (authorization !== undefined) return this.#byToken(authorization);
    const { anonymous } = this.#auth;
    if (!anonymous) throw this.#refused("say who you are: with a bearer token or an API key");
    return { id: `anonymous:${network}`, grants: [{ ...anonymous, users: "Own" }] };
  }

  #byKey(key: string): Principal {
    const found = this.#keys.find(key);
    if (!found) throw this.#refused("the API key is not known, or has expired", "invalid_token");
    return found;
  }

  async #byToken(authorization: string): Promise<Principal> {
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined)
      throw this.#refused('"Authorization" must be a bearer token: Bearer <JWT>', "invalid_request");
    const { issuers } = this.#auth;
    if (issuers.length === 0) throw this.#refused("no bearer tokens are taken here", "invalid_token");
    // jose is loaded by those who have issuers.
    const { BadToken, Tokens } = await import("./tokens.ts");
    this.#tokens ??= new Tokens(issuers, this.#now);
    try {
      return await this.#tokens.verify(token);
    } catch (error) {
      if (!(error instanceof BadToken)) throw error;
      throw this.#refused(`the bearer token is not taken: ${error.message}`, "invalid_token", error);
    }
  }

  /** RFC 6750, section 3.1: no error is named to whoever brought nothing. */
  #refused(detail: string, error?: "invalid_token" | "invalid_request", cause?: unknown): Problem {
    return new Problem("Unauthenticated", detail, {
      ...(cause !== undefined && { cause }),
      headers: { "www-authenticate": challenge(error, detail) },
    });
  }
}

/** RFC 6750, section 3. */
export function challenge(
  error?: "invalid_token" | "invalid_request" | "insufficient_scope",
  description = "",
): string {
  const text = description.replaceAll(/[^\x20-\x7e]|["\\]/g, "'").slice(0, 200);
  return `Bearer realm="vextir"${error ? `, error="${error}", error_description="${text}"` : ""}`;
}
