import type { TenantPolicySpec } from "@vextir/api";
import { listed } from "../policy/violation.ts";
import type { AppliedPolicy } from "../policy/violations.ts";
import type { ExplainedPolicy } from "./explanation.ts";

/** What a policy bounds, each rule by the name that a violation gives it. */
export function explainPolicy({ name, spec }: AppliedPolicy): ExplainedPolicy {
  return { name, bounds: boundsOf(spec) };
}

function boundsOf(spec: TenantPolicySpec) {
  const { classes, images, inlineSource, podTemplate, capabilities, sharing, quotas } = spec;
  const { context, state, ...lists } = capabilities;
  return [
    ...list("classes", classes),
    ...list("images", images),
    ...(inlineSource === "Deny" ? [{ rule: "inlineSource", allowed: "Deny" }] : []),
    ...list("podTemplate", podTemplate),
    ...Object.entries(lists).flatMap(([field, values]) => list(`capabilities.${field}`, values)),
    ...list(
      "capabilities.context",
      context?.map(({ collection, verbs, users }) => `${collection}: ${verbs.join("/")} of ${users}`),
    ),
    ...(state === undefined ? [] : [{ rule: "capabilities.state", allowed: String(state) }]),
    ...list("sharing.to", sharing.to),
    ...list("sharing.from", sharing.from),
    ...Object.entries(quotas).map(([field, most]) => ({
      rule: `quotas.${field}`,
      allowed: `at most ${most}`,
    })),
  ];
}

const list = (rule: string, values: readonly string[] | undefined) =>
  values ? [{ rule, allowed: listed(values) }] : [];
