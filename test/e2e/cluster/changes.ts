import { kubectl } from "./kubectl.ts";

const paths = (namespace: string) =>
  [
    "vextir.io/v1alpha1/drivers",
    "vextir.io/v1alpha1/eventbuses",
    "apps/v1/deployments",
    "networking.k8s.io/v1/networkpolicies",
    "policy/v1/poddisruptionbudgets",
  ]
    .map((kind) => kind.replace(/(.*)\/(.*)/, `/apis/$1/namespaces/${namespace}/$2`))
    .concat(
      ["services", "configmaps", "serviceaccounts"].map((kind) => `/api/v1/namespaces/${namespace}/${kind}`),
    );

/** What is written to a Driver or its children, as watched for so many seconds. */
export async function changes(namespace: string, seconds: number): Promise<string[]> {
  const lines = await Promise.all(paths(namespace).map((path) => changesAt(path, seconds)));
  return lines.flat();
}

async function changesAt(path: string, seconds: number): Promise<string[]> {
  const { metadata } = JSON.parse(await kubectl("get", "--raw", `${path}?limit=1`));
  const query = `watch=true&timeoutSeconds=${seconds}&resourceVersion=${metadata.resourceVersion}`;
  return (await kubectl("get", "--raw", `${path}?${query}`)).split("\n").filter((line) => line !== "");
}
