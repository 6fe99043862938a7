import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { createLocalJWKSet, jwtVerify } from "jose";
import { type KubeApi, openKubeApi, TokenReviewer } from "../../../operator/kube/index.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { type ApiServer, startApiServer } from "../../fixtures/kube.ts";

let server: ApiServer;
let api: KubeApi;
let reviewer: TokenReviewer;
let namespace: string;
beforeAll(async () => {
  server = await startApiServer();
  ({ api } = await openKubeApi({ kubeconfig: server.kubeconfig }));
  reviewer = new TokenReviewer(api);
});
afterAll(async () => {
  api?.close();
  await server?.stop();
});
beforeEach(async () => {
  namespace = await server.namespace();
});

const audiences = ["vextir-bus"];

async function podToken() {
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const { body } = await server.request("POST", pods, {
    metadata: { name: "echo-1" },
    spec: { serviceAccountName: "driver-echo", containers: [{ name: "driver", image: "vextir/driver" }] },
  });
  const pod = { name: "echo-1", uid: body.metadata.uid as string };
  return { pod, token: await server.token({ namespace, name: "driver-echo", audiences, pod }) };
}

test("a pod's token tells the ServiceAccount and the pod", async () => {
  const { pod, token } = await podToken();
  expect(await reviewer.review(token, audiences)).toMatchObject({
    username: `system:serviceaccount:${namespace}:driver-echo`,
    pod,
    audiences,
  });
});

const refused = [
  { reason: "another audience", token: () => server.token({ namespace, name: "a", audiences: ["other"] }) },
  { reason: "the API server's own audience", token: () => server.token({ namespace, name: "a" }) },
  { reason: "no token at all", token: async () => "nonsense" },
  { reason: "a changed token", token: async () => `${(await podToken()).token.slice(0, -4)}AAAA` },
];
test.each(refused)("is refused: $reason", async ({ token }) => {
  expect(await reviewer.review(await token(), audiences)).toBeUndefined();
});

test("a token of a pod that is gone is refused soon: the API server remembers for a while what it found", async () => {
  const { pod, token } = await podToken();
  await server.request("DELETE", `/api/v1/namespaces/${namespace}/pods/${pod.name}`, {
    gracePeriodSeconds: 0,
  });
  await eventually(async () => (await reviewer.review(token, audiences)) === undefined);
});

test("the cluster's keys verify a token without the API server", async () => {
  const { token } = await podToken();
  const keys = createLocalJWKSet((await reviewer.keys()) as never);
  const { payload } = await jwtVerify(token, keys, { audience: audiences, issuer: await reviewer.issuer() });
  expect(payload.sub).toBe(`system:serviceaccount:${namespace}:driver-echo`);
});
