import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type ApiServer, startApiServer } from "../../fixtures/kube.ts";

let server: ApiServer;
beforeAll(async () => {
  server = await startApiServer();
});
afterAll(() => server?.stop());

const configMaps = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps`;

test("what was written is there after kube-apiserver was killed and started again", async () => {
  const namespace = await server.namespace();
  const made = await server.request("POST", configMaps(namespace), { metadata: { name: "kept" } });
  expect(made.status).toBe(201);
  await server.restart();
  expect((await server.request("GET", `${configMaps(namespace)}/kept`)).status).toBe(200);
});

test("a token of a ServiceAccount is accepted for its audience", async () => {
  const namespace = await server.namespace();
  const token = await server.token({ namespace, name: "driver-a", audiences: ["vextir-bus"] });
  const review = { spec: { token, audiences: ["vextir-bus"] } };
  const { body } = await server.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", review);
  expect(body.status).toMatchObject({
    authenticated: true,
    user: { username: `system:serviceaccount:${namespace}:driver-a` },
  });
});

test("a CRD is served once applied", async () => {
  await server.applyManifests(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.test.vextir.io}
spec:
  group: test.vextir.io
  scope: Namespaced
  names: {kind: Thing, plural: things, singular: thing}
  versions:
    - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
---
apiVersion: test.vextir.io/v1
kind: Thing
metadata: {name: first}
`);
  const answer = await server.request("GET", "/apis/test.vextir.io/v1/namespaces/default/things/first");
  expect(answer.status).toBe(200);
});

test("writes are on record, reads are not", async () => {
  const namespace = await server.namespace();
  await server.request("POST", configMaps(namespace), { metadata: { name: "seen" } });
  await server.request("GET", `${configMaps(namespace)}/seen`);
  const mine = (await server.writes()).filter(
    (write) => write.namespace === namespace && write.resource === "configmaps",
  );
  expect(mine).toMatchObject([
    { verb: "create", resource: "configmaps", name: "seen", status: 201, user: "admin" },
  ]);
});
