import { DriverError, type DriverErrorCode } from "../errors.ts";
import type { TunnelFailure } from "./tunnel.ts";

/** Between an answer of the proxy and the error that a client makes of it. */
const RECENT_MS = 5_000;
const MAX_KEPT = 64;

const CODES: Readonly<Record<string, DriverErrorCode>> = {
  NotGranted: "NotGranted",
  PrivateAddress: "NotGranted",
  ForbiddenAddress: "NotGranted",
  Withdrawn: "NotGranted",
  BadTarget: "InvalidInput",
  TooManyTunnels: "Overloaded",
};

interface Failed extends TunnelFailure {
  authority: string;
  atMs: number;
}

/** Why tunnels were not opened lately: HTTP clients keep that to themselves. */
export class Failures {
  #kept: Failed[] = [];

  add(authority: string, failure: TunnelFailure): void {
    this.#kept = [
      { ...failure, authority: authority.toLowerCase(), atMs: performance.now() },
      ...this.#kept,
    ].slice(0, MAX_KEPT);
  }

  /** The error that explains this one; undefined: it has another reason. `url`: what was asked for. */
  explain(error: unknown, url: URL | null): DriverError | undefined {
    const recent = this.#kept.filter(({ atMs }) => performance.now() - atMs < RECENT_MS);
    const wanted = url && `${url.hostname}:${url.port || (url.protocol === "http:" ? 80 : 443)}`;
    // A redirect may have led elsewhere; then the error says that it is the proxy's.
    const found =
      recent.find(({ authority }) => authority === wanted) ?? (isProxys(error) ? recent[0] : undefined);
    if (!found) return undefined;
    return new DriverError(CODES[found.reason] ?? "Unavailable", found.message, { cause: error });
  }
}

/** undici says so somewhere down the chain of causes. */
function isProxys(error: unknown): boolean {
  const { message, cause } = (error ?? {}) as Error;
  return /^Proxy response \(/.test(message ?? "") || (cause !== undefined && isProxys(cause));
}
