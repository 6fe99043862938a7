import type { DriverSpec, TenantPolicySpec } from "@vextir/api";
import { capabilityExcess } from "./bounds/capabilities.ts";
import { imageExcess } from "./bounds/images.ts";
import { sourceExcess } from "./bounds/injected-code.ts";
import { podTemplateExcess } from "./bounds/pod-template.ts";
import { priorityExcess } from "./bounds/priority-classes.ts";
import { quotaExcess } from "./bounds/quotas.ts";
import { type Excess, listed, type Violation } from "./violation.ts";

/** A policy that selects the namespace. */
export interface AppliedPolicy {
  name: string;
  spec: TenantPolicySpec;
}

/** A Driver as policies look at it. */
export interface PolicySubject {
  spec: DriverSpec;
  /** Image of the release, which always may run. */
  releaseImage: string;
  /** How many Drivers of its namespace are older. */
  rank: number;
}

/** What of the Driver is more than the policies allow; all of them hold. */
export function violations(subject: PolicySubject, policies: readonly AppliedPolicy[]): Violation[] {
  return policies.flatMap(({ name, spec }) =>
    excessOf(subject, spec).map((excess) => ({ policy: name, ...excess })),
  );
}

function excessOf({ spec, releaseImage, rank }: PolicySubject, policy: TenantPolicySpec): Excess[] {
  return [
    ...classExcess(spec, policy.classes),
    ...imageExcess(spec, policy.images, releaseImage),
    ...sourceExcess(spec, policy.inlineSource),
    ...podTemplateExcess(spec.podTemplate, policy.podTemplate),
    ...priorityExcess(spec.podTemplate, policy.priorityClasses),
    ...capabilityExcess(spec, policy.capabilities),
    ...quotaExcess(spec, policy.quotas, rank),
  ];
}

const classExcess = (spec: DriverSpec, bound: TenantPolicySpec["classes"]): Excess[] =>
  !bound || bound.includes(spec.class)
    ? []
    : [{ field: "spec.class", value: spec.class, rule: "classes", allowed: listed(bound) }];
