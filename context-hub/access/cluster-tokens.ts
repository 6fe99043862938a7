import { createHash } from "node:crypto";
import { HUB_AUDIENCE } from "@vextir/api";
import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from "jose";
import { z } from "zod";
import type { ClusterApi } from "./cluster-api.ts";
import type { TokenKeys } from "./pod-token.ts";

const Discovery = z.object({ issuer: z.string().min(1) });
const Review = z.object({
  status: z.object({
    authenticated: z.boolean().default(false),
    /** An authenticator that knows nothing of audiences answers none; then the token proves nothing. */
    audiences: z.array(z.string()).default([]),
  }),
});

/** As long as at the egress proxy: a pod that is gone is refused after it. */
const REMEMBER_MS = 30_000;
const MAX_TOKENS = 10_000;

/**
 * Tokens of the cluster that the hub runs in. What is not signed by the cluster is refused here; whether the pod, or the
 * ServiceAccount, that a signed one is bound to is there still, the API server says (TokenReview), and is asked again each half minute.
 */
export class ClusterTokens implements TokenKeys {
  readonly issuer: string;
  readonly keys: JWTVerifyGetKey;
  readonly #api: ClusterApi;
  readonly #now: () => number;
  /** By the token's hash: until when it need not be asked about. */
  readonly #good = new Map<string, number>();
  readonly #asked = new Map<string, Promise<boolean>>();

  private constructor(api: ClusterApi, issuer: string, now: () => number) {
    this.#api = api;
    this.#now = now;
    this.issuer = issuer;
    // Only the path of it counts. Its keys are read again when a token names one that is not among them.
    this.keys = createRemoteJWKSet(new URL("https://cluster/openid/v1/jwks"), {
      [customFetch]: async (url) => Response.json(await api.call("GET", new URL(url).pathname)),
    });
  }

  /** `now`: milliseconds of a clock that only goes forward. @throws Error while the API server does not answer */
  static async open(api: ClusterApi, now: () => number = () => performance.now()): Promise<ClusterTokens> {
    const answer = await api.call("GET", "/.well-known/openid-configuration");
    return new ClusterTokens(api, Discovery.parse(answer).issuer, now);
  }

  async isGood(token: string): Promise<boolean> {
    const key = createHash("sha256").update(token).digest("base64");
    if ((this.#good.get(key) ?? 0) > this.#now()) return true;
    const asked = this.#asked.get(key) ?? this.#ask(key, token);
    this.#asked.set(key, asked);
    return asked.finally(() => this.#asked.delete(key));
  }

  async #ask(key: string, token: string): Promise<boolean> {
    this.#good.delete(key);
    const body = {
      ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview" },
      spec: { token, audiences: [HUB_AUDIENCE] },
    };
    const answer = await this.#api.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body);
    const { authenticated, audiences } = Review.parse(answer).status;
    if (!authenticated || !audiences.includes(HUB_AUDIENCE)) return false;
    // The oldest goes: a Map keeps the order in which they came.
    const [oldest] = this.#good.keys();
    if (this.#good.size >= MAX_TOKENS && oldest !== undefined) this.#good.delete(oldest);
    this.#good.set(key, this.#now() + REMEMBER_MS);
    return true;
  }
}
