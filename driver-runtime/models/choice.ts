import type { ModelFile } from "@vextir/api";
import type { ModelNeed } from "./model.ts";

/** Whether the model is what is needed. */
export function fits(model: ModelFile, need: ModelNeed): boolean {
  const { kind = "Chat", labels = {}, features = [], contextWindow, maxInputDollars } = need;
  const price = model.price?.inputPerMillionTokens;
  return (
    model.kind === kind &&
    Object.entries(labels).every(([key, value]) => model.labels[key] === value) &&
    features.every((feature) => model.features.includes(feature)) &&
    (contextWindow === undefined || (model.contextWindow ?? 0) >= contextWindow) &&
    (maxInputDollars === undefined || (price !== undefined && Number(price) <= maxInputDollars))
  );
}

/** The need as text, for the error. */
export function needText(need: ModelNeed): string {
  const { kind = "Chat", labels = {}, features = [], contextWindow, maxInputDollars } = need;
  const parts = [
    `kind ${kind}`,
    ...Object.entries(labels).map(([key, value]) => `label ${key}=${value}`),
    ...features,
    ...(contextWindow === undefined ? [] : [`a context window of ${contextWindow} tokens`]),
    ...(maxInputDollars === undefined ? [] : [`at most ${maxInputDollars} dollars for a million tokens`]),
  ];
  return parts.join(", ");
}

const PER_MILLION = 1_000_000;

/** Undefined: the model has no price. */
export function costOf(
  { price }: Pick<ModelFile, "price">,
  { inputTokens, outputTokens }: { inputTokens: number; outputTokens: number },
): number | undefined {
  if (!price) return undefined;
  const dollars =
    inputTokens * Number(price.inputPerMillionTokens) + outputTokens * Number(price.outputPerMillionTokens);
  return dollars / PER_MILLION;
}
