import { BUS_AUDIENCE } from "@vextir/api";
import { errors, generateKeyPair, jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { BusError } from "./authority.ts";
import type { PodIdentity, TokenVerifier, VerifiedToken } from "./pod-token.ts";

type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

const ISSUER = "https://vextir.local";
const ALGORITHM = "ES256";

const Claims = z.object({
  exp: z.number(),
  "kubernetes.io": z.object({
    namespace: z.string().min(1),
    pod: z.object({ name: z.string().min(1), uid: z.string().min(1) }),
    serviceaccount: z.object({ name: z.string().min(1), uid: z.string().min(1) }),
  }),
});

export interface TokenOptions {
  /** Seconds; default: ten minutes, as the kubelet asks for. */
  lifetimeS?: number;
  audience?: string;
}

/** Signs the tokens that a cluster would project into pods, and verifies them: for the local mode and tests. */
export class LocalTokenAuthority implements TokenVerifier {
  readonly #keys: Keys;

  private constructor(keys: Keys) {
    this.#keys = keys;
  }

  /** With a key of its own, which lives as long as the process. */
  static async create(): Promise<LocalTokenAuthority> {
    return new LocalTokenAuthority(await generateKeyPair(ALGORITHM));
  }

  async sign(pod: PodIdentity, options: TokenOptions = {}): Promise<string> {
    const { lifetimeS = 600, audience = BUS_AUDIENCE } = options;
    const now = Math.floor(Date.now() / 1000);
    const { namespace, serviceAccount, uid, podName, podUid } = pod;
    const claims = {
      "kubernetes.io": {
        namespace,
        pod: { name: podName, uid: podUid },
        serviceaccount: { name: serviceAccount, uid },
      },
    };
    return new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM })
      .setIssuer(ISSUER)
      .setSubject(`system:serviceaccount:${namespace}:${serviceAccount}`)
      .setAudience([audience])
      .setIssuedAt(now)
      .setExpirationTime(now + lifetimeS)
      .sign(this.#keys.privateKey);
  }

  async verify(token: string): Promise<VerifiedToken> {
    const options = { issuer: ISSUER, audience: BUS_AUDIENCE, algorithms: [ALGORITHM] };
    try {
      const { payload } = await jwtVerify(token, this.#keys.publicKey, options);
      const { exp, "kubernetes.io": kubernetes } = Claims.parse(payload);
      return {
        namespace: kubernetes.namespace,
        serviceAccount: kubernetes.serviceaccount.name,
        uid: kubernetes.serviceaccount.uid,
        podName: kubernetes.pod.name,
        podUid: kubernetes.pod.uid,
        expiresAt: new Date(exp * 1000),
      };
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof z.ZodError)
        throw new BusError("Refused", `not a token of this bus: ${error.message}`, { cause: error });
      throw error;
    }
  }
}
