import type { JSONWebKeySet } from "jose";
import { z } from "zod";
import { isSafeUrl } from "./config.ts";

/** Keys are fetched anew after this: one that the issuer withdrew is taken no longer than that. */
const FRESH_MS = 600_000;
/** While the issuer is away its last known keys do for so long. */
const STALE_MS = 3_600_000;
/** An unknown key, which anybody can name, makes for a fetch no more often than this. */
const COOLDOWN_MS = 30_000;
const FETCH_MS = 5_000;
const MAX_BYTES = 262_144;

const KeySet = z.object({
  keys: z.array(z.looseObject({ kty: z.string() })).max(100),
});
const Discovery = z.object({ issuer: z.string(), jwks_uri: z.string() });

export interface KeySourceOptions {
  issuer: string;
  /** Absent: what the issuer's discovery document says. */
  jwksUrl?: string | undefined;
  now?: () => number;
}

/** An issuer's public keys, by HTTP: kept, and fetched again when they are old or one is missing. */
export class KeySource {
  readonly #issuer: string;
  readonly #jwksUrl: string | undefined;
  readonly #now: () => number;
  #keys: JSONWebKeySet | undefined;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<JSONWebKeySet> | undefined;

  constructor({ issuer, jwksUrl, now = Date.now }: KeySourceOptions) {
    this.#issuer = issuer;
    this.#jwksUrl = jwksUrl;
    this.#now = now;
  }

  /** @throws Error: there are none, and none can be had. */
  async keys(): Promise<JSONWebKeySet> {
    const age = this.#now() - this.#fetchedAt;
    if (this.#keys && age < FRESH_MS) return this.#keys;
    if (!this.#keys || age >= STALE_MS) return this.#fetch();
    if (this.#rested()) this.#fetch().catch(() => {});
    return this.#keys;
  }

  /** For a key that is not among them: newer ones, or undefined when it is too early to ask, or in vain. */
  async newer(): Promise<JSONWebKeySet | undefined> {
    if (!this.#fetching && !this.#rested()) return undefined;
    return this.#fetch().catch(() => undefined);
  }

  #rested(): boolean {
    return this.#now() - this.#triedAt >= COOLDOWN_MS;
  }

  /** However many ask, one request is under way. */
  #fetch(): Promise<JSONWebKeySet> {
    this.#fetching ??= this.#load().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #load(): Promise<JSONWebKeySet> {
    this.#triedAt = this.#now();
    const signal = AbortSignal.timeout(FETCH_MS);
    const found = KeySet.parse(await fetchJson(this.#jwksUrl ?? (await this.#discover(signal)), signal));
    this.#keys = found;
    this.#fetchedAt = this.#now();
    return found;
  }

  /** OpenID Connect Discovery 1.0, section 4: the document must name the issuer that was asked. */
  async #discover(signal: AbortSignal): Promise<string> {
    const url = `${this.#issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
    const { issuer, jwks_uri } = Discovery.parse(await fetchJson(url, signal));
    if (issuer !== this.#issuer) throw new Error(`${url} is of another issuer: ${issuer.slice(0, 200)}`);
    if (!isSafeUrl(jwks_uri)) throw new Error(`${url}: jwks_uri is no https URL`);
    return jwks_uri;
  }
}

async function fetchJson(url: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { redirect: "error", signal, headers: { accept: "application/json" } });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw new Error(`${url} answered ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop ends the request.
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error(`${url} answered more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}
