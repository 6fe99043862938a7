import { BUS_AUDIENCE } from "@vextir/api";
import { exportJWK, generateKeyPair, type JSONWebKeySet, jwtVerify, SignJWT } from "jose";
import type { PodIdentity, TokenVerifier, VerifiedToken } from "./pod-token.ts";
import { podOfSigned } from "./signed-token.ts";

type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

export const LOCAL_ISSUER = "https://vextir.local";
const ALGORITHM = "ES256";

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
      .setIssuer(LOCAL_ISSUER)
      .setSubject(`system:serviceaccount:${namespace}:${serviceAccount}`)
      .setAudience([audience])
      .setIssuedAt(now)
      .setExpirationTime(now + lifetimeS)
      .sign(this.#keys.privateKey);
  }

  /** By which others know its tokens: a hub is a process of its own. */
  async publicKeys(): Promise<JSONWebKeySet> {
    return { keys: [{ ...(await exportJWK(this.#keys.publicKey)), alg: ALGORITHM }] };
  }

  async verify(token: string): Promise<VerifiedToken> {
    const options = { issuer: LOCAL_ISSUER, audience: BUS_AUDIENCE, algorithms: [ALGORITHM] };
    return podOfSigned(jwtVerify(token, this.#keys.publicKey, options), "token of this bus");
  }
}
