import { errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import { z } from "zod";
import { HubError } from "../rpc/hub-error.ts";

/** Of the gateway's signed word on whose behalf an event is handled; it travels with the event. */
export const ASSERTION_AUDIENCE = "vextir-hub/user";
/** The gateway gives it no longer; what says more is not its. */
const MAX_LIFETIME_S = 3_600;

const Claims = z.object({
  sub: z.string().min(1).max(200),
  /** The tenant whose user it is. */
  tenant: z.string().min(1),
  iat: z.number(),
  exp: z.number(),
});

/** The user. `keys`: those of the tenant's gateways. @throws HubError `UNAUTHENTICATED` */
export async function verifyAssertion(
  assertion: string,
  tenant: string,
  keys: JWTVerifyGetKey,
): Promise<string> {
  try {
    const { payload } = await jwtVerify(assertion, keys, {
      audience: ASSERTION_AUDIENCE,
      algorithms: ["ES256", "EdDSA"],
      maxTokenAge: MAX_LIFETIME_S,
    });
    const claims = Claims.parse(payload);
    if (claims.tenant !== tenant || claims.exp - claims.iat > MAX_LIFETIME_S)
      throw new HubError("UNAUTHENTICATED", "the user's assertion is another tenant's, or lasts too long");
    return claims.sub;
  } catch (cause) {
    if (cause instanceof HubError) throw cause;
    const known = cause instanceof errors.JOSEError || cause instanceof z.ZodError;
    throw new HubError(
      "UNAUTHENTICATED",
      `not a gateway's assertion of a user: ${known ? cause.name : "unreadable"}`,
      {
        cause,
      },
    );
  }
}
