import { describe, expect, test } from "@jest/globals";
import { parseHostPattern } from "@vextir/api";
import fc from "fast-check";
import { addressKind, rangeOf } from "./address-ranges.ts";
import { decideAddresses, decideHost, targetOf } from "./decision.ts";

const grants = (...entries: string[]) =>
  entries.map((entry) => {
    const grant = parseHostPattern(entry);
    if (!grant) throw new Error(`${entry} is no pattern`);
    return grant;
  });

/** What becomes of a request, when the name has these addresses. */
function outcome(
  authority: string,
  allowed: readonly string[],
  addresses: readonly string[],
  never: string[] = [],
) {
  const target = targetOf(authority);
  if (!target.allowed) return target.refusal;
  const listed = decideHost("d", target.value, grants(...allowed));
  if (!listed.allowed) return listed.refusal;
  const found = target.value.isAddress ? [target.value.written] : addresses;
  const rules = { ...listed.value, never: never.map(rangeOf) };
  const decided = decideAddresses("d", target.value, found, rules);
  return decided.allowed ? "allowed" : decided.refusal;
}

const PUBLIC = ["93.184.215.14"];

describe("a target", () => {
  const spellings: { authority: string; host: string | undefined; reason?: string }[] = [
    { authority: "example.org:443", host: "example.org" },
    { authority: "EXAMPLE.org.:443", host: "example.org" },
    { authority: "1.2.3.4:80", host: "1.2.3.4" },
    { authority: "[2606:4700::1]:443", host: "2606:4700:0:0:0:0:0:1" },
    { authority: "[::FFFF:127.0.0.1]:443", host: "0:0:0:0:0:ffff:7f00:1" },
    { authority: "xn--bcher-kva.example:443", host: "xn--bcher-kva.example" },
    { authority: "example.org", host: undefined, reason: "no port" },
    { authority: "example.org:0", host: undefined },
    { authority: "example.org:65536", host: undefined },
    { authority: "example.org:+443", host: undefined },
    { authority: "2130706433:443", host: undefined, reason: "127.0.0.1 as one number" },
    { authority: "0x7f000001:443", host: undefined, reason: "in hexadecimal" },
    { authority: "0x7f.0.0.1:443", host: undefined },
    { authority: "0177.0.0.1:443", host: undefined, reason: "in octal" },
    { authority: "127.1:443", host: undefined, reason: "shortened" },
    { authority: "127.0.0.1.:443", host: undefined, reason: "an address has no final dot" },
    {
      authority: "169.254.169.254.nip:443",
      host: "169.254.169.254.nip",
      reason: "a name; its addresses decide",
    },
    { authority: "１２７.0.0.1:443", host: undefined, reason: "full-width digits" },
    { authority: "bücher.example:443", host: undefined },
    { authority: "ex%61mple.org:443", host: undefined, reason: "percent-encoded" },
    { authority: "user@example.org:443", host: undefined },
    { authority: "example.org:443/path", host: undefined },
    { authority: "example.org:443@evil.example:443", host: undefined },
    { authority: "[fe80::1%eth0]:443", host: undefined, reason: "a zone" },
    { authority: "::1:443", host: undefined, reason: "without brackets" },
    { authority: "a..b:443", host: undefined },
    { authority: "-a.b:443", host: undefined },
    { authority: `${"a.".repeat(127)}aa:443`, host: undefined, reason: "longer than a name can be" },
    { authority: "example.org\u0000.evil:443", host: undefined },
    { authority: ":443", host: undefined },
    { authority: "", host: undefined },
  ];
  test.each(spellings)("$authority is $host", ({ authority, host }) => {
    const target = targetOf(authority);
    expect(target.allowed ? target.value.host : undefined).toBe(host);
  });

  test("whatever is asked for, nothing throws, and what is taken is written in one way", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webAuthority(),
          fc.ipV6().map((ip) => `[${ip}]:1`),
        ),
        (authority) => {
          const target = targetOf(authority);
          if (target.allowed) expect(target.value.host).toMatch(/^[-a-z0-9_.:]+$/);
        },
      ),
      { numRuns: 3_000 },
    );
  });
});

/** Every entry of IANA's registries of special-purpose addresses, as published, and multicast; an address of each. */
const SPECIAL: [block: string, sample: string][] = [
  ["0.0.0.0/8", "0.1.2.3"], ["0.0.0.0/32", "0.0.0.0"], ["10.0.0.0/8", "10.255.0.1"], ["100.64.0.0/10", "100.127.255.254"],
  ["127.0.0.0/8", "127.8.8.8"], ["169.254.0.0/16", "169.254.169.254"], ["172.16.0.0/12", "172.31.255.1"], ["192.0.0.0/24", "192.0.0.1"],
  ["192.0.0.0/29", "192.0.0.7"], ["192.0.0.8/32", "192.0.0.8"], ["192.0.0.9/32", "192.0.0.9"], ["192.0.0.10/32", "192.0.0.10"],
  ["192.0.0.170/32", "192.0.0.170"], ["192.0.0.171/32", "192.0.0.171"], ["192.0.2.0/24", "192.0.2.1"], ["192.31.196.0/24", "192.31.196.1"],
  ["192.52.193.0/24", "192.52.193.1"], ["192.88.99.0/24", "192.88.99.1"], ["192.168.0.0/16", "192.168.1.1"], ["192.175.48.0/24", "192.175.48.1"],
  ["198.18.0.0/15", "198.19.255.255"], ["198.51.100.0/24", "198.51.100.1"], ["203.0.113.0/24", "203.0.113.1"], ["240.0.0.0/4", "250.1.1.1"],
  ["255.255.255.255/32", "255.255.255.255"], ["224.0.0.0/4", "239.1.1.1"],
  ["::1/128", "::1"], ["::/128", "::"], ["::ffff:0:0/96", "::ffff:8.8.8.8"], ["64:ff9b:1::/48", "64:ff9b:1::808:808"], ["100::/64", "100::1"],
  ["100:0:0:1::/64", "100:0:0:1::1"], ["2001::/23", "2001:1ff::1"], ["2001::/32", "2001::1"], ["2001:1::1/128", "2001:1::1"],
  ["2001:1::2/128", "2001:1::2"], ["2001:1::3/128", "2001:1::3"], ["2001:2::/48", "2001:2::1"], ["2001:3::/32", "2001:3::1"],
  ["2001:4:112::/48", "2001:4:112::1"], ["2001:10::/28", "2001:10::1"], ["2001:20::/28", "2001:20::1"], ["2001:30::/28", "2001:30::1"],
  ["2001:db8::/32", "2001:db8::1"], ["2002::/16", "2002:808:808::1"], ["2620:4f:8000::/48", "2620:4f:8000::1"], ["3fff::/20", "3fff:fff::1"],
  ["5f00::/16", "5f00::1"], ["fc00::/7", "fd12:3456::1"], ["fe80::/10", "fe80::1"], ["ff00::/8", "ff02::1"],
  // No registry lists these, and nobody may be given them.
  ["fec0::/10 (site-local)", "fec0::1"], ["::/96 (IPv4-compatible)", "::8.8.8.8"], ["::ffff:0:0:0/96 (translated)", "::ffff:0:808:808"],
  ["4000::/3 (not given out)", "4000::1"], ["fd00:ec2::254 (metadata)", "fd00:ec2::254"],
  // What carries an IPv4 address is what that is.
  ["NAT64 of loopback", "64:ff9b::7f00:1"], ["NAT64 of metadata", "64:ff9b::a9fe:a9fe"], ["NAT64 of a private address", "64:ff9b::10.0.0.1"],
]; // biome-ignore format: several to a line

describe("addresses that are not public", () => {
  test.each(SPECIAL)("%s", (_block, address) => {
    expect(addressKind(address)).not.toBe("public");
    const written = address.includes(":") ? `[${address}]` : address;
    const by = (entries: string[]) => outcome(`${written}:443`, entries, []);
    expect(outcome("inside.example:443", ["*"], [address])).toBe("PrivateAddress");
    expect(outcome("inside.example:443", ["*"], [...PUBLIC, address])).toBe("PrivateAddress");
    expect(outcome("inside.example:443", ["private:inside.example"], [address])).toBe("allowed");
    expect(by(["*", "private:*"])).toBe("NotGranted");
    expect(by([written])).toBe("allowed");
    expect(outcome(`${written}:443`, [written], [], ["0.0.0.0/0", "::/0"])).toBe("ForbiddenAddress");
  });

  test.each([
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "100.128.0.1",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00::1",
    "64:ff9b::8.8.8.8",
  ])("%s is public", (address) => {
    expect(addressKind(address)).toBe("public");
    expect(outcome("outside.example:443", ["*"], [address])).toBe("allowed");
  });

  test("each address of a special range is special, whichever it is", () => {
    const ranges = SPECIAL.map(([block]) => block)
      .filter((block) => /^[0-9a-f.:]+\/\d+$/.test(block))
      .map(rangeOf);
    const inside = fc.constantFrom(...ranges).chain(({ isV4, groups, bits }) =>
      fc
        .array(fc.integer({ min: 0, max: 0xffff }), { minLength: groups.length, maxLength: groups.length })
        .map((any) => {
          const mixed = groups.map((group, i) => {
            const left = Math.min(16, Math.max(0, bits - 16 * i));
            const mask = (0xffff << (16 - left)) & 0xffff;
            return (group & mask) | ((any[i] ?? 0) & ~mask & 0xffff);
          });
          return isV4
            ? mixed.flatMap((n) => [n >> 8, n & 255]).join(".")
            : mixed.map((n) => n.toString(16)).join(":");
        }),
    );
    fc.assert(
      fc.property(inside, (address) => {
        expect(outcome("inside.example:443", ["*"], [address])).toBe("PrivateAddress");
      }),
      { numRuns: 5_000 },
    );
  });

  test("a range that nobody may reach holds for what carries its addresses too", () => {
    expect(
      outcome("a.example:443", ["private:a.example"], ["64:ff9b::169.254.169.254"], ["169.254.0.0/16"]),
    ).toBe("ForbiddenAddress");
  });
});

describe("what a Driver lists", () => {
  const table = [
    { authority: "example.org:443", allowed: ["example.org"], want: "allowed" },
    { authority: "EXAMPLE.ORG.:443", allowed: ["example.org"], want: "allowed" },
    { authority: "example.org:80", allowed: ["example.org"], want: "NotGranted" },
    { authority: "a.example.org:443", allowed: ["*.example.org"], want: "allowed" },
    { authority: "example.org:443", allowed: ["*.example.org"], want: "NotGranted" },
    {
      authority: "example.org.evil.example:443",
      allowed: ["example.org", "*.example.org"],
      want: "NotGranted",
    },
    { authority: "anything.example:443", allowed: [], want: "NotGranted" },
    {
      authority: "93.184.215.14:443",
      allowed: ["*"],
      want: "NotGranted",
      reason: "an address is listed literally",
    },
  ];
  test.each(table)("$authority with $allowed: $want", ({ authority, allowed, want }) => {
    expect(outcome(authority, allowed, PUBLIC)).toBe(want);
  });

  test("without an entry that names it, nothing is reached, whatever its addresses are", () => {
    const name = fc.domain();
    fc.assert(
      fc.property(name, name, fc.ipV4(), (asked, listed, address) => {
        fc.pre(asked.toLowerCase() !== listed.toLowerCase());
        expect(outcome(`${asked}:443`, [listed, `*.${asked}`], [address])).toMatch(/NotGranted|BadTarget/);
      }),
    );
  });

  test("a refusal says which line would grant it", () => {
    const target = targetOf("example.org:8443");
    if (!target.allowed) throw new Error(target.message);
    expect(decideHost("team/d", target.value, [])).toMatchObject({
      message: expect.stringContaining('spec.capabilities.allowedHosts: ["example.org:8443"]'),
    });
    expect(
      decideAddresses("team/d", target.value, ["10.0.0.1"], { isPrivate: false, never: [] }),
    ).toMatchObject({
      message: expect.stringContaining('["private:example.org:8443"]'),
    });
  });
});
