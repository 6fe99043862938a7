import { hostCovers, parseHostPattern, type ToolServer, ToolServerSpec, toolServerHost } from "@vextir/api";

/** The spec with its defaults, or what is wrong with it. */
export function readToolServer({ spec }: ToolServer): { spec: ToolServerSpec } | { problem: string } {
  const parsed = ToolServerSpec.safeParse(spec);
  if (!parsed.success) {
    const issues = parsed.error.issues.slice(0, 5);
    return {
      problem: issues.map(({ path, message }) => `${["spec", ...path].join(".")}: ${message}`).join("; "),
    };
  }
  const { url, allowedHosts } = parsed.data;
  if (!URL.canParse(url)) return { problem: `spec.url: "${url}" is no URL` };
  const host = toolServerHost(parsed.data);
  const needed = parseHostPattern(host);
  if (!needed) return { problem: `spec.url: no entry of allowedHosts could name the host ${host}` };
  // An address that a Driver lists is meant, wherever it lies: the node's metadata too. So nobody lists one without writing it there.
  if (needed.isAddress && allowedHosts === undefined)
    return { problem: `spec.url leads to an address: spec.allowedHosts would have to name it: ["${host}"]` };
  const grants = (allowedHosts ?? [host]).map(parseHostPattern).filter((grant) => grant !== undefined);
  if (grants.some((grant) => hostCovers(grant, needed))) return { spec: parsed.data };
  return { problem: `spec.allowedHosts: none of them is ${host}, where spec.url leads` };
}
