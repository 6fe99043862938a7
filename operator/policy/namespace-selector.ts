import type { NamespaceSelector } from "@vextir/api";

export type Labels = Readonly<Record<string, string>>;

/** Every namespace bears it (https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name). */
export const NAME_LABEL = "kubernetes.io/metadata.name";

/** Whether a namespace with these labels is selected, by the rules of metav1.LabelSelector. */
export function selects(selector: NamespaceSelector | undefined, labels: Labels): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every((expression) => holds(expression, labels))
  );
}

type Expression = NonNullable<NamespaceSelector["matchExpressions"]>[number];

function holds({ key, operator, values = [] }: Expression, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}
