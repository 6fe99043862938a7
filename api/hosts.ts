import { z } from "zod";

/** Used where an entry names no port: what nearly everybody means is HTTPS. */
export const DEFAULT_PORT = 443;

const LABEL = "[A-Za-z0-9_]([-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?";
/** The last part begins with a letter, as all top-level domains do: what else looks like a name may be an address in disguise. */
const NAME = `(${LABEL}\\.)*[A-Za-z]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?\\.?`;
const OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const IPV4 = `${OCTET}(\\.${OCTET}){3}`;
const IPV6 = "\\[[0-9A-Fa-f:.]{2,45}\\]";
const PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
const PRIVATE = "private:";
const pattern = (port: string) =>
  new RegExp(`^(${PRIVATE})?(\\*|(\\*\\.)?${NAME}|${IPV4}|${IPV6})(:(${port}))?$`);

const RULE =
  "host, *.host, * for any name, an IPv4 address, [an IPv6 address], each with :port (default 443); private: before a name that has private addresses; other alphabets in their xn-- form";

/** An entry of `allowedHosts`. */
export const HostPattern = z.string().min(1).max(270).regex(pattern(PORT), RULE);

/** An entry of a policy's bound: a `HostPattern`, or one of any port (`host:*`). */
export const HostBound = z
  .string()
  .min(1)
  .max(270)
  .regex(pattern(`${PORT}|\\*`), RULE);

/** Hosts that somebody may reach. */
export interface HostGrant {
  /** Lower case, without a final dot; `*` any name, `*.x` every name below x. An address as `canonicalAddress` writes it. */
  host: string;
  isAddress: boolean;
  /** Undefined: any (in bounds). */
  port: number | undefined;
  /** Its name may have addresses that are not public. */
  isPrivate: boolean;
}

/** Undefined: the text is no pattern. */
export function parseHostPattern(text: string): HostGrant | undefined {
  if (!HostBound.safeParse(text).success) return undefined;
  const isPrivate = text.startsWith(PRIVATE);
  const rest = isPrivate ? text.slice(PRIVATE.length) : text;
  const [, written = "", portText] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(rest) ?? [];
  const port = portText === "*" ? undefined : Number(portText ?? DEFAULT_PORT);
  const address = canonicalAddress(written);
  if (address !== undefined) return { host: address, isAddress: true, port, isPrivate };
  if (written.startsWith("[")) return undefined;
  return { host: canonicalName(written), isAddress: false, port, isPrivate };
}

export const canonicalName = (name: string) => name.toLowerCase().replace(/\.$/, "");

const WHOLE_IPV4 = new RegExp(`^${IPV4}$`);

/** `1.2.3.4`, `[::1]` or `::1` in the one way that it is compared in; undefined: no address. IPv6 as eight groups. */
export function canonicalAddress(text: string): string | undefined {
  if (WHOLE_IPV4.test(text)) return text;
  const groups = ipv6Groups(text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text);
  return groups?.map((group) => group.toString(16)).join(":");
}

/** The eight groups of an IPv6 address (RFC 4291, section 2.2), without a zone; undefined: it is none. */
export function ipv6Groups(address: string): number[] | undefined {
  const halves = address.split("::");
  const [left, right] = halves.map((half, i) => groupsOf(half, i === halves.length - 1));
  if (halves.length > 2 || !left || (halves.length === 2 && !right)) return undefined;
  const given = left.length + (right?.length ?? 0);
  if (!right) return given === 8 ? left : undefined;
  return given < 8 ? [...left, ...new Array<number>(8 - given).fill(0), ...right] : undefined;
}

/** Undefined: not written as groups. Only the last may be an IPv4 address. */
function groupsOf(half: string, isEnd: boolean): number[] | undefined {
  if (half === "") return [];
  const parts = half.split(":");
  const groups = parts.map((part, i) => {
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) return [Number.parseInt(part, 16)];
    if (!isEnd || i < parts.length - 1 || !WHOLE_IPV4.test(part)) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
  return groups.every((group) => group !== undefined) ? groups.flat() : undefined;
}

/** Whether everything that `inner` grants is granted by `outer` too. An address is granted by itself alone: no wildcard opens a network. */
export function hostCovers(outer: HostGrant, inner: HostGrant): boolean {
  if (outer.port !== undefined && outer.port !== inner.port) return false;
  if (outer.isAddress || inner.isAddress) return outer.isAddress && outer.host === inner.host;
  if (inner.isPrivate && !outer.isPrivate) return false;
  if (outer.host === inner.host || outer.host === "*") return true;
  return outer.host.startsWith("*.") && inner.host !== "*" && inner.host.endsWith(outer.host.slice(1));
}
