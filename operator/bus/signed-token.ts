import { errors, type JWTVerifyResult } from "jose";
import { z } from "zod";
import { BusError } from "./authority.ts";
import type { VerifiedToken } from "./pod-token.ts";

/** What Kubernetes writes into a token that is bound to a pod. */
const Claims = z.object({
  exp: z.number(),
  "kubernetes.io": z.object({
    namespace: z.string().min(1),
    pod: z.object({ name: z.string().min(1), uid: z.string().min(1) }),
    serviceaccount: z.object({ name: z.string().min(1), uid: z.string().min(1) }),
  }),
});

/** The pod of a token whose signature was `checked`. @throws BusError `Refused`: it was not good, or is no pod's. */
export async function podOfSigned(checked: Promise<JWTVerifyResult>, whose: string): Promise<VerifiedToken> {
  try {
    const { payload } = await checked;
    const { exp, "kubernetes.io": claims } = Claims.parse(payload);
    return {
      namespace: claims.namespace,
      serviceAccount: claims.serviceaccount.name,
      uid: claims.serviceaccount.uid,
      podName: claims.pod.name,
      podUid: claims.pod.uid,
      expiresAt: new Date(exp * 1_000),
    };
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof z.ZodError)
      throw new BusError("Refused", `not a ${whose}: ${error.message}`, { cause: error });
    throw error;
  }
}
