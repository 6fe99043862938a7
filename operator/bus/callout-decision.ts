import { BusError, type DriverIdentity } from "./authority.ts";
import { driverOfServiceAccount, type TokenVerifier, type VerifiedToken } from "./pod-token.ts";

/** A driver, with the one ServiceAccount that is its own. */
export interface KnownDriver extends DriverIdentity {
  /** Undefined: it is not there, or not yet. */
  serviceAccountUid: string | undefined;
}

/** Which drivers there are. One that is being deleted is none. */
export interface DriverIndex {
  find(namespace: string, name: string): KnownDriver | undefined;
}

/** Why somebody who wants to connect is refused. */
export const REFUSALS = [
  /** No token was shown, or something too long to be one. */
  "NoToken",
  /** Expired, forged, or for another audience. */
  "BadToken",
  /** A token of the cluster, but not of a driver's ServiceAccount. */
  "NotADriver",
  /** No such Driver, or no longer. */
  "UnknownDriver",
  /** A token of a ServiceAccount that had the name of the driver's own before, or of one that is not of its making. */
  "ForeignAccount",
  /** The token can't be checked now. */
  "Unavailable",
  /** More asked than could be answered in time; they were not answered. */
  "Overloaded",
  /** The request itself was none. */
  "BadRequest",
] as const;
export type Refusal = (typeof REFUSALS)[number];

export type CalloutDecision =
  | { accepted: true; driver: DriverIdentity; token: VerifiedToken }
  /** `message` is for the operator's log. */
  | { accepted: false; refusal: Refusal; message: string };

/** nats-server's own bound on a line of a client (`max_control_line`); a projected token has about 1,200 characters. */
const MAX_TOKEN_LENGTH = 4_096;

/** Who the bearer of the token is on the bus. What he may do is not decided here. */
export async function decide(
  token: string | undefined,
  verifier: TokenVerifier,
  drivers: DriverIndex,
): Promise<CalloutDecision> {
  if (!token || token.length > MAX_TOKEN_LENGTH) return refuse("NoToken", "no token was shown");
  let verified: VerifiedToken;
  try {
    verified = await verifier.verify(token);
  } catch (error) {
    const refusal = error instanceof BusError && error.code === "Refused" ? "BadToken" : "Unavailable";
    return refuse(refusal, error instanceof Error ? error.message : String(error));
  }
  const { namespace, serviceAccount } = verified;
  const name = driverOfServiceAccount(serviceAccount);
  if (!name) return refuse("NotADriver", `${namespace}/${serviceAccount} is no driver's ServiceAccount`);
  const driver = drivers.find(namespace, name);
  if (!driver) return refuse("UnknownDriver", `there is no Driver ${namespace}/${name}`);
  // By uid: what had the name before, a Driver that was deleted for example, may have left its tokens behind.
  if (verified.uid !== driver.serviceAccountUid)
    return refuse("ForeignAccount", `the token is not of the ServiceAccount of Driver ${namespace}/${name}`);
  return { accepted: true, driver, token: verified };
}

const refuse = (refusal: Refusal, message: string): CalloutDecision => ({
  accepted: false,
  refusal,
  message,
});
