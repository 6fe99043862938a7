import { API_VERSION } from "@vextir/api";
import type { KubeApi } from "./kube-api.ts";
import { TokenReviewer } from "./token-review.ts";

interface Person {
  username: string;
  uid: string;
  groups: readonly string[];
  extra: Readonly<Record<string, readonly string[]>>;
}

const DEADLINE_MS = 5_000;
const [GROUP = ""] = API_VERSION.split("/");

/** Who somebody is and what he may do, asked of the API server each time: what is revoked is revoked at once. */
export class KubeAccessControl {
  readonly #api: KubeApi;
  readonly #reviewer: TokenReviewer;

  constructor(api: KubeApi) {
    this.#api = api;
    this.#reviewer = new TokenReviewer(api);
  }

  /** @throws ClusterError `Unavailable` when the API server doesn't answer. */
  async whoIs(token: string, audiences: readonly string[]): Promise<Person | undefined> {
    return this.#reviewer.review(token, audiences, DEADLINE_MS);
  }

  /** @throws ClusterError `Unavailable` when the API server doesn't answer. */
  async mayDo(
    { username: user, uid, groups, extra }: Person,
    access: { verb: string; subresource: string; namespace?: string; name?: string },
  ): Promise<{ allowed: boolean; reason: string }> {
    const resourceAttributes = { group: GROUP, resource: "drivers", ...access };
    const answer = await this.#api.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {
      body: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { user, uid, groups, extra, resourceAttributes },
      },
      deadlineMs: DEADLINE_MS,
    });
    const { allowed = false, reason = "" } = (answer as { status: { allowed?: boolean; reason?: string } })
      .status;
    return { allowed, reason };
  }
}
