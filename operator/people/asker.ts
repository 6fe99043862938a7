import { API_AUDIENCE } from "@vextir/api";
import { decodeJwt } from "jose";
import type { Access } from "./routes.ts";

/** Whoever asks, as the API server knows him. */
export interface Asker {
  username: string;
  uid: string;
  groups: readonly string[];
  extra: Readonly<Record<string, readonly string[]>>;
}

/** The API server, which knows who somebody is and what he may do. Throws ClusterError when it doesn't answer. */
export interface AccessControl {
  /** Undefined: the token is no good for any of these audiences (none: those of the API server itself). */
  whoIs(token: string, audiences: readonly string[]): Promise<Asker | undefined>;
  /** `reason`: what the API server says of it. */
  mayDo(asker: Asker, access: Access): Promise<{ allowed: boolean; reason: string }>;
}

const MAX_TOKEN = 16_384;

/** The token of an Authorization header; undefined: there is none that could be one. */
export function bearerOf(header: string | undefined): string | undefined {
  const token = /^Bearer ([A-Za-z0-9._~+/=:-]+)$/i.exec(header ?? "")?.[1];
  return token !== undefined && token.length <= MAX_TOKEN ? token : undefined;
}

/** For whom the token says that it is, which the API server then verifies: for this API, or for itself. */
export function audiencesOf(token: string): string[] {
  try {
    const { aud = [] } = decodeJwt(token);
    return [aud].flat().includes(API_AUDIENCE) ? [API_AUDIENCE] : [];
  } catch {
    // No JWT: whatever else the cluster knows its users by.
    return [];
  }
}
