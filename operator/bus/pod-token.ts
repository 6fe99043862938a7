/** Who a pod's token was made for. */
export interface PodIdentity {
  namespace: string;
  serviceAccount: string;
  /** Of the ServiceAccount. */
  uid: string;
  podName: string;
  podUid: string;
}

export interface VerifiedToken extends PodIdentity {
  expiresAt: Date;
}

/**
 * Checks a pod's token for the bus' audience. Throws `BusError`: `Refused` when the token is none, expired or for somebody
 * else (the message says what is wrong with it and never contains it), `Unavailable` when that can't be known now.
 */
export interface TokenVerifier {
  verify(token: string): Promise<VerifiedToken>;
}

const PREFIX = "driver-";

/** Each Driver has its own ServiceAccount, which is how a pod says which driver it is. */
export const serviceAccountOf = (driver: string) => `${PREFIX}${driver}`;

/** The driver whose ServiceAccount it is; undefined when it is no driver's. */
export function driverOfServiceAccount(serviceAccount: string): string | undefined {
  return serviceAccount.startsWith(PREFIX) ? serviceAccount.slice(PREFIX.length) : undefined;
}
