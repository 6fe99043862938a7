import { isIPv4 } from "node:net";
import { ipv6Groups } from "@vextir/api";

/** What an address is, for somebody who must not be led inside. */
export type AddressKind = "public" | "loopback" | "link-local" | "private" | "multicast" | "reserved";

/** A prefix of addresses of one family. */
export interface AddressRange {
  cidr: string;
  isV4: boolean;
  groups: readonly number[];
  bits: number;
}

/** IANA's IPv4 Special-Purpose Address Registry (RFC 6890 and its updates), and multicast (RFC 5771). */
const V4: readonly [cidr: string, kind: AddressKind][] = [
  ["0.0.0.0/8", "reserved"],
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "private"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.0/24", "reserved"],
  ["192.0.2.0/24", "reserved"],
  ["192.31.196.0/24", "reserved"],
  ["192.52.193.0/24", "reserved"],
  ["192.88.99.0/24", "reserved"],
  ["192.168.0.0/16", "private"],
  ["192.175.48.0/24", "reserved"],
  ["198.18.0.0/15", "private"],
  ["198.51.100.0/24", "reserved"],
  ["203.0.113.0/24", "reserved"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "reserved"],
];

/** IANA's IPv6 Special-Purpose Address Registry. What lies outside 2000::/3 is not given out, and refused without being listed. */
const V6: readonly [cidr: string, kind: AddressKind][] = [
  ["::/128", "reserved"],
  ["::1/128", "loopback"],
  ["::ffff:0:0/96", "reserved"],
  ["64:ff9b:1::/48", "private"],
  ["100::/64", "reserved"],
  ["100:0:0:1::/64", "reserved"],
  ["2001::/23", "reserved"],
  ["2001:db8::/32", "reserved"],
  ["2002::/16", "reserved"],
  ["2620:4f:8000::/48", "reserved"],
  ["3fff::/20", "reserved"],
  ["5f00::/16", "reserved"],
  ["fc00::/7", "private"],
  ["fe80::/10", "link-local"],
  ["fec0::/10", "private"],
  ["ff00::/8", "multicast"],
];

const SPECIAL = [...V4, ...V6].map(([cidr, kind]) => ({ range: rangeOf(cidr), kind }));
const GIVEN_OUT = rangeOf("2000::/3");
/** An IPv4 address within, as a network without IPv4 of its own reaches it (RFC 6052). */
const NAT64 = rangeOf("64:ff9b::/96");

/** @throws RangeError when the text is no prefix in CIDR notation. */
export function rangeOf(cidr: string): AddressRange {
  const [, address = "", length = ""] = /^([0-9A-Fa-f:.]+)\/([0-9]{1,3})$/.exec(cidr) ?? [];
  const isV4 = isIPv4(address);
  const groups = groupsOf(address);
  const bits = Number(length);
  if (!groups || bits > (isV4 ? 32 : 128))
    throw new RangeError(`"${cidr}" is no range of addresses: write it as 10.0.0.0/8 or fc00::/7`);
  return { cidr, isV4, groups, bits };
}

/** What a written address is. @throws RangeError when it is none. */
export function addressKind(address: string): AddressKind {
  const embedded = embeddedV4(address);
  if (embedded !== undefined) return addressKind(embedded);
  const special = SPECIAL.find(({ range }) => inRange(address, range));
  if (special) return special.kind;
  return isIPv4(address) || inRange(address, GIVEN_OUT) ? "public" : "reserved";
}

/** Whether the address, or the IPv4 address that it carries, is of the range. @throws RangeError when it is no address. */
export function isWithin(address: string, range: AddressRange): boolean {
  const embedded = embeddedV4(address);
  return inRange(address, range) || (embedded !== undefined && inRange(embedded, range));
}

function embeddedV4(address: string): string | undefined {
  if (isIPv4(address) || !inRange(address, NAT64)) return undefined;
  const [high = 0, low = 0] = ipv6Groups(address)?.slice(6) ?? [];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

function inRange(address: string, { isV4, groups, bits }: AddressRange): boolean {
  const own = groupsOf(address);
  if (!own) throw new RangeError(`"${address}" is no address`);
  if (isIPv4(address) !== isV4) return false;
  return groups.every((group, i) => {
    const left = Math.min(16, Math.max(0, bits - 16 * i));
    const mask = (0xffff << (16 - left)) & 0xffff;
    return ((own[i] ?? 0) & mask) === (group & mask);
  });
}

function groupsOf(address: string): number[] | undefined {
  return isIPv4(address) ? ipv6Groups(`::${address}`)?.slice(6) : ipv6Groups(address);
}
