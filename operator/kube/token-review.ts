import { ClusterError } from "../cluster.ts";
import type { KubeApi } from "./kube-api.ts";

/** Whose token it is, as the API server says. */
export interface TokenIdentity {
  /** `system:serviceaccount:<namespace>:<name>`. */
  username: string;
  uid: string;
  groups: readonly string[];
  extra: Readonly<Record<string, readonly string[]>>;
  /** The pod that the token is bound to. */
  pod?: { name: string; uid: string };
  audiences: readonly string[];
}

/** Who a token belongs to, from the cluster itself. */
export class TokenReviewer {
  readonly #api: KubeApi;

  constructor(api: KubeApi) {
    this.#api = api;
  }

  /**
   * The identity, or undefined when the token is no good for any of these audiences (none: those of the API server).
   *
   * @throws ClusterError `Unavailable` when the API server doesn't answer.
   */
  async review(
    token: string,
    audiences: readonly string[],
    deadlineMs?: number,
  ): Promise<TokenIdentity | undefined> {
    const { status } = (await this.#api.call("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
      body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token, audiences } },
      ...(deadlineMs && { deadlineMs }),
    })) as { status: ReviewStatus };
    // An authenticator that knows nothing of audiences answers none; then the token proves nothing.
    if (!status.authenticated || !status.user || !status.audiences?.length) return undefined;
    const { username, uid = "", groups = [], extra = {} } = status.user;
    const [name] = extra["authentication.kubernetes.io/pod-name"] ?? [];
    const [podUid] = extra["authentication.kubernetes.io/pod-uid"] ?? [];
    return {
      username,
      uid,
      groups,
      extra,
      audiences: status.audiences,
      ...(name && podUid && { pod: { name, uid: podUid } }),
    };
  }

  /** The keys that the cluster's tokens are signed with, as a JSON Web Key Set: for the time that the API server is away. */
  async keys(): Promise<{ keys: object[] }> {
    const answer = await this.#api.call("GET", "/openid/v1/jwks", {
      accept: "application/jwk-set+json",
    });
    const set = answer as { keys?: object[] };
    if (!Array.isArray(set.keys)) {
      throw new ClusterError("Unavailable", "GET /openid/v1/jwks: the API server answered no key set");
    }
    return { keys: set.keys };
  }

  /** The issuer of the cluster's tokens. */
  async issuer(): Promise<string> {
    const answer = await this.#api.call("GET", "/.well-known/openid-configuration");
    return (answer as { issuer: string }).issuer;
  }
}

interface ReviewStatus {
  authenticated?: boolean;
  audiences?: string[];
  user?: { username: string; uid?: string; groups?: string[]; extra?: Record<string, string[]> };
}
