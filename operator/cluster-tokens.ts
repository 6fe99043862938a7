import { BUS_AUDIENCE } from "@vextir/api";
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from "jose";
import { BusError } from "./bus/authority.ts";
import type { TokenVerifier, VerifiedToken } from "./bus/pod-token.ts";
import { podOfSigned } from "./bus/signed-token.ts";
import type { Clock } from "./clock.ts";
import { ClusterError } from "./cluster.ts";
import { RefusedTokens } from "./refused-tokens.ts";
import { ReviewGate } from "./review-gate.ts";

/** The part of the API server that tells whose token it is. */
export interface TokenReviews {
  review(
    token: string,
    audiences: readonly string[],
    deadlineMs: number,
  ): Promise<{ username: string; uid: string; pod?: { name: string; uid: string } } | undefined>;
  /** The keys that the cluster signs tokens with. */
  keys(): Promise<{ keys: object[] }>;
  issuer(): Promise<string>;
}

/** Which pods there are, as far as this process has heard. */
export interface PodIndex {
  stateOf(podUid: string): "present" | "gone" | "unknown";
}

/** nats-server waits three seconds for the callout, which has more to do. */
const REVIEW_MS = 1_200;
const USERNAME = /^system:serviceaccount:([^:]+):([^:]+)$/;

interface Keys {
  find: ReturnType<typeof createLocalJWKSet>;
  issuer: string;
}

/**
 * Checks pods' tokens by TokenReview. What the API server does not answer in time, one question or while it is away all of them,
 * is checked by the token's signature, with the cluster's keys as they were last read; then only pods pass that are known to
 * be there. A pod that is known to be gone never passes: the API server remembers for ten seconds what it found before.
 */
export class ClusterTokenVerifier implements TokenVerifier {
  readonly #reviews: TokenReviews;
  readonly #clock: Clock;
  readonly #pods: PodIndex;
  readonly #gate: ReviewGate;
  readonly #refused: RefusedTokens;
  #keys: Keys | undefined;

  constructor({ reviews, clock, pods }: { reviews: TokenReviews; clock: Clock; pods: PodIndex }) {
    this.#reviews = reviews;
    this.#clock = clock;
    this.#pods = pods;
    this.#gate = new ReviewGate({ clock });
    this.#refused = new RefusedTokens(clock);
  }

  /** Reads the keys for the time that the API server is away; what was read stays when it fails. @throws ClusterError */
  async refreshKeys(): Promise<void> {
    const [keys, issuer] = await Promise.all([this.#reviews.keys(), this.#reviews.issuer()]);
    this.#keys = { find: createLocalJWKSet(keys as JSONWebKeySet), issuer };
  }

  async verify(token: string): Promise<VerifiedToken> {
    const before = this.#refused.why(token);
    if (before) throw new BusError("Refused", before);
    try {
      return await this.#check(token);
    } catch (error) {
      if (error instanceof BusError && error.code === "Refused") this.#refused.add(token, error.message);
      throw error;
    }
  }

  async #check(token: string): Promise<VerifiedToken> {
    const reviewed = await this.#gate.ask(() => this.#review(token));
    const verified = reviewed ? tokenOf(token, reviewed.answer) : await this.#verifySignature(token);
    const pod = this.#pods.stateOf(verified.podUid);
    if (pod === "gone" || (!reviewed && pod === "unknown"))
      throw new BusError("Refused", `pod ${verified.namespace}/${verified.podName} is gone`);
    return verified;
  }

  #review(token: string) {
    return inTime(this.#reviews.review(token, [BUS_AUDIENCE], REVIEW_MS), REVIEW_MS);
  }

  async #verifySignature(token: string): Promise<VerifiedToken> {
    if (!this.#keys) throw new BusError("Unavailable", "the API server does not answer");
    const { find, issuer } = this.#keys;
    const currentDate = new Date(this.#clock.now());
    const checked = jwtVerify(token, find, { issuer, audience: BUS_AUDIENCE, currentDate });
    return podOfSigned(checked, "pod's token of this cluster");
  }
}

function tokenOf(token: string, identity: Awaited<ReturnType<TokenReviews["review"]>>): VerifiedToken {
  if (!identity)
    throw new BusError("Refused", "the cluster doesn't know the token, or it is for another audience");
  const [, namespace = "", serviceAccount = ""] = USERNAME.exec(identity.username) ?? [];
  if (!serviceAccount) throw new BusError("Refused", `${identity.username} is no ServiceAccount`);
  if (!identity.pod) throw new BusError("Refused", "the token is not bound to a pod");
  return {
    namespace,
    serviceAccount,
    uid: identity.uid,
    podName: identity.pod.name,
    podUid: identity.pod.uid,
    expiresAt: expiryOf(token),
  };
}

/** The token was found to be good, so what it says of itself is true. */
function expiryOf(token: string): Date {
  const { exp } = decodeJwt(token);
  if (exp === undefined) throw new BusError("Refused", "the token never expires");
  return new Date(exp * 1_000);
}

async function inTime<T>(answer: Promise<T>, ms: number): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new ClusterError("Unavailable", `no TokenReview within ${ms} ms`)),
    ms,
  );
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
