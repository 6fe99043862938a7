import { isIPv6 } from "node:net";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { canonicalAddress, HostBound, HostPattern, hostCovers, parseHostPattern } from "./hosts.ts";

describe("an entry of allowedHosts", () => {
  const table: { text: string; means: object | undefined; reason?: string }[] = [
    { text: "api.example.org", means: { host: "api.example.org", port: 443 } },
    { text: "API.Example.ORG.", means: { host: "api.example.org", port: 443 } },
    { text: "*.example.org:8443", means: { host: "*.example.org", port: 8443 } },
    { text: "*", means: { host: "*", port: 443 } },
    { text: "private:db.corp.example:5432", means: { host: "db.corp.example", port: 5432, isPrivate: true } },
    { text: "10.1.2.3:8080", means: { host: "10.1.2.3", port: 8080, isAddress: true } },
    { text: "[FD00::1]:80", means: { host: "fd00:0:0:0:0:0:0:1", port: 80, isAddress: true } },
    { text: "xn--bcher-kva.example", means: { host: "xn--bcher-kva.example" } },
    { text: "_dmarc.example.org", means: { host: "_dmarc.example.org" } },
    { text: "", means: undefined },
    { text: "bücher.example", means: undefined, reason: "an alphabet that DNS has no names in" },
    { text: "http://example.org", means: undefined },
    { text: "example.org/path", means: undefined },
    { text: "user@example.org", means: undefined },
    { text: "example.org:0", means: undefined },
    { text: "example.org:65536", means: undefined },
    { text: "example.org:https", means: undefined },
    { text: "a.*.example.org", means: undefined },
    { text: "*example.org", means: undefined },
    { text: "2130706433", means: undefined, reason: "127.0.0.1 as one number" },
    { text: "0x7f.1", means: undefined, reason: "127.0.0.1 in hexadecimal" },
    { text: "0177.0.0.1", means: undefined, reason: "127.0.0.1 in octal" },
    { text: "127.1", means: undefined, reason: "127.0.0.1, shortened" },
    { text: "10.0.0.256", means: undefined },
    { text: "10.0.0.1.", means: undefined },
    { text: "fd00::1", means: undefined, reason: "without brackets a port can't be told from a group" },
    { text: "[10.0.0.1]", means: undefined },
    { text: "[1::2::3]", means: undefined },
    { text: `${"a".repeat(64)}.example`, means: undefined, reason: "a part of more than 63 characters" },
    { text: "example.org:*", means: undefined, reason: "any port is for bounds" },
  ];
  test.each(table)("$text", ({ text, means }) => {
    const parsed = HostPattern.safeParse(text).success ? parseHostPattern(text) : undefined;
    if (means) expect(parsed).toMatchObject(means);
    else expect(parsed).toBeUndefined();
  });

  test("a bound may be of any port", () => {
    expect(HostBound.safeParse("*:*").success).toBe(true);
    expect(parseHostPattern("*.example.org:*")).toMatchObject({ port: undefined });
  });
});

test("addresses are those that Node takes for addresses, and are written in one way", () => {
  const group = fc.oneof(
    fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16)),
    fc.constantFrom("", "0", "1.2.3.4", "12345", "g", "::", "0000"),
  );
  const text = fc.oneof(
    fc.ipV6(),
    fc.array(group, { maxLength: 9 }).map((groups) => groups.join(":")),
    fc.string({ unit: fc.constantFrom(":", "0", "f", ".", "1"), maxLength: 20 }),
  );
  fc.assert(
    fc.property(text, (written) => {
      expect(`${written} ${canonicalAddress(`[${written}]`) !== undefined}`).toBe(
        `${written} ${isIPv6(written)}`,
      );
    }),
    { numRuns: 5_000 },
  );
  expect(canonicalAddress("[::FFFF:1.2.3.4]")).toBe(canonicalAddress("[0:0:0:0:0:ffff:102:304]"));
});

describe("what a grant covers", () => {
  const table = [
    { outer: "example.org", inner: "example.org:443", covers: true },
    { outer: "example.org", inner: "example.org:80", covers: false },
    { outer: "example.org:*", inner: "example.org:80", covers: true },
    { outer: "*.example.org", inner: "a.b.example.org", covers: true },
    { outer: "*.example.org", inner: "*.b.example.org", covers: true },
    { outer: "*.example.org", inner: "example.org", covers: false },
    { outer: "*.example.org", inner: "evilexample.org", covers: false },
    { outer: "*.example.org", inner: "*", covers: false },
    { outer: "*", inner: "anything.example", covers: true },
    { outer: "*:*", inner: "10.1.2.3:8080", covers: false },
    { outer: "private:*:*", inner: "10.1.2.3:8080", covers: false },
    { outer: "10.1.2.3:8080", inner: "10.1.2.3:8080", covers: true },
    { outer: "10.1.2.3:8080", inner: "private:10.1.2.3:8080", covers: true },
    { outer: "[fd00::1]", inner: "[fd00:0::1]", covers: true },
    { outer: "*", inner: "private:db.corp.example", covers: false },
    { outer: "private:*.corp.example", inner: "private:db.corp.example", covers: true },
    { outer: "private:*.corp.example", inner: "db.corp.example", covers: true },
  ];
  test.each(table)("$outer covers $inner: $covers", ({ outer, inner, covers }) => {
    const [most, wish] = [parseHostPattern(outer), parseHostPattern(inner)];
    expect(most && wish && hostCovers(most, wish)).toBe(covers);
  });
});
