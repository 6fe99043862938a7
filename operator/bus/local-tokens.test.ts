import { expect, test } from "@jest/globals";
import { decodeJwt } from "jose";
import { LocalTokenAuthority } from "./local-tokens.ts";

const pod = { namespace: "team", serviceAccount: "driver-a", uid: "sa1", podName: "a-0", podUid: "p1" };
const authority = await LocalTokenAuthority.create();

test("a token says what a projected one says", async () => {
  const token = await authority.sign(pod);
  expect(decodeJwt(token)).toMatchObject({
    aud: ["vextir-bus"],
    sub: "system:serviceaccount:team:driver-a",
    "kubernetes.io": {
      namespace: "team",
      pod: { name: "a-0", uid: "p1" },
      serviceaccount: { name: "driver-a", uid: "sa1" },
    },
  });
  expect(await authority.verify(token)).toMatchObject(pod);
});

test.each([
  { token: () => authority.sign(pod, { lifetimeS: -1 }), reason: "expired" },
  { token: () => authority.sign(pod, { audience: "vextir-hub" }), reason: "another audience" },
  { token: async () => (await LocalTokenAuthority.create()).sign(pod), reason: "another authority" },
  { token: async () => "x.y.z", reason: "no token" },
  {
    token: async () => {
      const [, body] = (await authority.sign(pod)).split(".");
      return `${Buffer.from('{"alg":"none"}').toString("base64url")}.${body}.`;
    },
    reason: "unsigned",
  },
])("$reason: refused, and the message does not tell the token", async ({ token }) => {
  const text = await token();
  const refusal = await authority.verify(text).catch((error: Error) => error);
  expect(refusal).toMatchObject({ code: "Refused" });
  expect((refusal as Error).message).not.toContain(text);
});
