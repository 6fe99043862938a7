import { canonicalAddress, canonicalName, DEFAULT_PORT, type HostGrant, hostCovers } from "@vextir/api";
import { type AddressRange, addressKind, isWithin } from "./address-ranges.ts";

/** Where a driver wants to go. */
export interface Target {
  /** As it is compared: a lower-case name without a final dot, or an address as `canonicalAddress` writes it. */
  host: string;
  /** As it is connected to. */
  written: string;
  isAddress: boolean;
  port: number;
}

export type Refusal =
  /** The target is not written as a host and a port. */
  | "BadTarget"
  /** The Driver does not list it. */
  | "NotGranted"
  /** It has an address that is not public, and is not listed as private. */
  | "PrivateAddress"
  /** It has an address that the installation lets nobody reach. */
  | "ForbiddenAddress";

export type Decision<T> = { allowed: true; value: T } | { allowed: false; refusal: Refusal; message: string };

const allow = <T>(value: T): Decision<T> => ({ allowed: true, value });
const refuse = (refusal: Refusal, message: string) => ({ allowed: false, refusal, message }) as const;

const LABEL = "[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?";
/** The last part begins with a letter: 0x7f.1, 2130706433 and 127.1 are addresses to some resolvers, and no names to any. */
const NAME = new RegExp(`^(${LABEL}\\.)*[a-z]([-a-z0-9]{0,61}[a-z0-9])?\\.?$`, "i");
const MAX_NAME = 253;
const SHOWN = 100;

/** The target of a CONNECT request: `host:port`, where the host is a name, an IPv4 address or a bracketed IPv6 address. */
export function targetOf(authority: string): Decision<Target> {
  const bad = (why: string) =>
    refuse("BadTarget", `${JSON.stringify(authority.slice(0, SHOWN))} is no target: ${why}`);
  const [, written = "", portText = ""] = /^(\[[^\]]*\]|[^:]*):([0-9]{1,5})$/.exec(authority) ?? [];
  const port = Number(portText);
  if (written === "" || port < 1 || port > 65_535) return bad("write it as host:port");
  const address = canonicalAddress(written);
  if (address !== undefined) {
    const inner = written.replace(/^\[|\]$/g, "");
    return allow({ host: address, written: inner, isAddress: true, port });
  }
  if (written.length > MAX_NAME || !NAME.test(written))
    return bad(
      "a host is a DNS name (in its xn-- form), four decimal numbers, or an IPv6 address in brackets",
    );
  const host = canonicalName(written);
  return allow({ host, written: host, isAddress: false, port });
}

/** Whether the Driver lists the target; the value says whether it may have private addresses. */
export function decideHost(
  driver: string,
  target: Target,
  grants: readonly HostGrant[],
): Decision<{ isPrivate: boolean }> {
  const { host, isAddress, port } = target;
  const fitting = grants.filter((grant) => hostCovers(grant, { host, isAddress, port, isPrivate: false }));
  if (fitting.length > 0)
    // An address that is listed is meant, wherever it lies.
    return allow({ isPrivate: isAddress || fitting.some((grant) => grant.isPrivate) });
  return refuse(
    "NotGranted",
    `driver "${driver}" may not reach ${shown(target)}: its Driver object would have to grant it with spec.capabilities.allowedHosts: ${entry(target)}`,
  );
}

/** Whether each of the addresses that the target has may be reached. One that may not spoils all: it is how a name leads inside. */
export function decideAddresses(
  driver: string,
  target: Target,
  addresses: readonly string[],
  { isPrivate, never }: { isPrivate: boolean; never: readonly AddressRange[] },
): Decision<readonly string[]> {
  for (const address of addresses) {
    const where = target.isAddress ? shown(target) : `${shown(target)} (${address})`;
    const range = never.find((one) => isWithin(address, one));
    if (range)
      return refuse(
        "ForbiddenAddress",
        `driver "${driver}" may not reach ${where}: nobody may reach ${range.cidr} here`,
      );
    const kind = addressKind(address);
    if (kind !== "public" && !isPrivate)
      return refuse(
        "PrivateAddress",
        `driver "${driver}" may not reach ${where}, a ${kind} address: its Driver object would have to grant it with spec.capabilities.allowedHosts: ${entry(target, "private:")}`,
      );
  }
  return allow(addresses);
}

const shown = ({ written, isAddress, port }: Target) =>
  `${isAddress && written.includes(":") ? `[${written}]` : written}:${port}`;

function entry(target: Target, prefix = ""): string {
  const host = shown(target).replace(new RegExp(`:${DEFAULT_PORT}$`), "");
  return JSON.stringify([`${prefix}${host}`]);
}
