import { API_AUDIENCE } from "@vextir/api";
import type { ApiAccess, KubeApi } from "@vextir/operator/kube/index.ts";
import { OperatorError } from "./operator-error.ts";

const TOKEN_SECONDS = 600;

/**
 * The token that the operator is shown: of the kubeconfig's user, or of a ServiceAccount (`<namespace>/<name>`), made for the
 * operator alone and for ten minutes. @throws OperatorError `NoToken`, ClusterError
 */
export async function userToken(
  access: ApiAccess,
  api: KubeApi,
  serviceAccount: string | undefined,
): Promise<string> {
  if (serviceAccount !== undefined) return tokenOf(api, serviceAccount);
  const { authorization = "" } = (await access.credentials()).headers;
  const token = /^Bearer (.+)$/i.exec(authorization)?.[1];
  if (token) return token;
  throw new OperatorError(
    "NoToken",
    "the kubeconfig's user has a certificate and no token, which the operator can't be shown: name a ServiceAccount " +
      "whose token you may make, --service-account <namespace>/<name>",
  );
}

async function tokenOf(api: KubeApi, serviceAccount: string): Promise<string> {
  const [namespace, name, ...rest] = serviceAccount.split("/").map(encodeURIComponent);
  if (!namespace || !name || rest.length > 0)
    throw new OperatorError(
      "NoToken",
      `--service-account is <namespace>/<name>, and not "${serviceAccount}"`,
    );
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const body = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { audiences: [API_AUDIENCE], expirationSeconds: TOKEN_SECONDS },
  };
  const made = (await api.call("POST", path, { body })) as { status: { token: string } };
  return made.status.token;
}
