import { readFileSync } from "node:fs";

/**
 * The token that the kubelet projects and renews. It is read again at each (re)connect; a read never throws once one
 * succeeded, since an authenticator that throws closes the client for good.
 */
export class TokenFile {
  readonly path: string;
  #token = "";

  constructor(path: string) {
    this.path = path;
  }

  /** The token as it is in the file now; the last one when the file can't be read. */
  read(): string {
    try {
      this.#token = readFileSync(this.path, "utf8").trim() || this.#token;
    } catch {
      // The kubelet swaps the file by a rename: the next read finds it.
    }
    return this.#token;
  }
}

export interface TokenTimes {
  issuedMs: number;
  expiresMs: number;
}

/** When a JWT begins and ends, unverified; undefined when it does not say. */
export function timesOf(token: string): TokenTimes | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    if (typeof claims.exp !== "number") return undefined;
    const issued = typeof claims.iat === "number" ? claims.iat : claims.exp - 600;
    return { issuedMs: issued * 1_000, expiresMs: claims.exp * 1_000 };
  } catch {
    return undefined;
  }
}
