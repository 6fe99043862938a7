import { HUB_AUDIENCE } from "@vextir/api";
import { errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import { z } from "zod";
import { HubError } from "../rpc/hub-error.ts";

/** Each Driver has its own ServiceAccount, which is how a pod says which driver it is. */
const ACCOUNT = /^driver-(.+)$/;
/** Clocks of nodes differ. */
const TOLERANCE_S = 5;
const RETRY_MS = 1_000;

const Claims = z.object({
  exp: z.number(),
  "kubernetes.io": z.object({
    namespace: z.string().min(1),
    pod: z.object({ uid: z.string().min(1) }),
    serviceaccount: z.object({ name: z.string().min(1), uid: z.string().min(1) }),
  }),
});

export interface PodToken {
  tenant: string;
  driver: string;
  /** Of the ServiceAccount: another one of the same name is another driver. */
  uid: string;
}

export interface TokenKeys {
  /** Those that the cluster, or the local authority, signs with. */
  keys: JWTVerifyGetKey;
  issuer: string;
  /** Whether what is signed by them counts still. Default: it does until it ends. @throws Error when nobody can say now */
  isGood?(token: string): Promise<boolean>;
}

/** Whose token it is. The message of an error never contains it. @throws HubError `UNAUTHENTICATED` */
export async function verifyPodToken(token: string, known: TokenKeys): Promise<PodToken> {
  const { keys, issuer } = known;
  try {
    const options = {
      issuer,
      audience: HUB_AUDIENCE,
      clockTolerance: TOLERANCE_S,
      algorithms: ["ES256", "RS256"],
    };
    const { payload } = await jwtVerify(token, keys, options);
    const { namespace, serviceaccount } = Claims.parse(payload)["kubernetes.io"];
    const driver = ACCOUNT.exec(serviceaccount.name)?.[1];
    if (!driver)
      throw new HubError("UNAUTHENTICATED", `${serviceaccount.name} is no driver's ServiceAccount`);
    if ((await known.isGood?.(token)) === false)
      throw new HubError("UNAUTHENTICATED", "the cluster does not take the token: its pod is gone");
    return { tenant: namespace, driver, uid: serviceaccount.uid };
  } catch (cause) {
    if (cause instanceof HubError) throw cause;
    if (
      cause instanceof errors.JWKSTimeout ||
      !(cause instanceof errors.JOSEError || cause instanceof z.ZodError)
    )
      throw new HubError("UNAVAILABLE", "whose token it is can't be known now", {
        cause,
        retryAfterMs: RETRY_MS,
      });
    throw new HubError("UNAUTHENTICATED", `not a pod's token for the hub: ${reasonOf(cause)}`, { cause });
  }
}

const reasonOf = (error: errors.JOSEError | z.ZodError) =>
  error instanceof z.ZodError ? "claims are missing" : error.message;
