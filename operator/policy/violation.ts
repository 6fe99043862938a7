/** One value of a Driver that is more than a policy allows. */
export interface Violation {
  /** Name of the TenantPolicy. */
  policy: string;
  /** Of the Driver: `spec.capabilities.publish[1]`. */
  field: string;
  /** What stands there. */
  value: string;
  /** Of the policy: `capabilities.publish`. */
  rule: string;
  /** What the rule allows, as text. */
  allowed: string;
}

/** What a bound finds, before it is known whose bound it is. */
export type Excess = Omit<Violation, "policy">;

const MAX_TEXT = 200;
const MAX_TOLD = 5;

const cut = (text: string) => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text);

/** `TenantPolicy team: spec.capabilities.publish[0]: a.b is beyond capabilities.publish (mail.>)`. */
const sentence = ({ policy, field, value, rule, allowed }: Violation) =>
  `TenantPolicy ${policy}: ${cut(field)}: ${cut(value)} is beyond ${rule} (${cut(allowed)})`;

/** For people: the first few in full. */
export function describeViolations(violations: readonly Violation[]): string {
  const told = violations.slice(0, MAX_TOLD).map(sentence);
  const more = violations.length - told.length;
  return [...told, ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
}

/** What a list of a policy allows, as text. */
export const listed = (values: readonly string[]) => (values.length === 0 ? "none" : values.join(", "));
