import type { Metadata } from "@grpc/grpc-js";
import type { JWTVerifyGetKey } from "jose";
import { HubError } from "../rpc/hub-error.ts";
import type { Caller } from "./caller.ts";
import { type TokenKeys, verifyPodToken } from "./pod-token.ts";
import { verifyAssertion } from "./user-assertion.ts";

export const ASSERTION_KEY = "vextir-user-assertion";
const MAX_TOKEN = 16_384;

export interface AuthenticateOptions {
  tokens: TokenKeys;
  /** Keys of a tenant's gateways; undefined: it has none, and nobody can be asserted. */
  assertionKeysOf(tenant: string): JWTVerifyGetKey | undefined;
}

/** Who calls, and on whose behalf. */
export function authenticator({ tokens, assertionKeysOf }: AuthenticateOptions) {
  return async (metadata: Metadata): Promise<Caller> => {
    const token = /^Bearer (\S+)$/.exec(one(metadata, "authorization"))?.[1];
    if (!token) throw new HubError("UNAUTHENTICATED", "show the pod's token: authorization: Bearer <token>");
    const { tenant, driver, uid } = await verifyPodToken(token, tokens);
    const assertion = one(metadata, ASSERTION_KEY);
    if (!assertion) return { tenant, driver, uid, user: "" };
    const keys = assertionKeysOf(tenant);
    if (!keys) throw new HubError("UNAUTHENTICATED", "the tenant has no gateway that asserts users");
    return { tenant, driver, uid, user: await verifyAssertion(assertion, tenant, keys) };
  };
}

function one(metadata: Metadata, key: string): string {
  const values = metadata.get(key);
  if (values.length > 1 || (values[0]?.length ?? 0) > MAX_TOKEN)
    throw new HubError("UNAUTHENTICATED", `${key}: one value, of at most ${MAX_TOKEN} bytes`);
  return String(values[0] ?? "");
}
