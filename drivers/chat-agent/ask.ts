import {
  type ChatAnswer,
  type ChatRequest,
  DriverError,
  type Model,
  type ModelOptions,
  type Models,
} from "@vextir/driver-runtime";

/** Those that may answer, the first choice first. @throws DriverError `NotFound`, `NotGranted`. */
export function candidates(models: Models, name: string | undefined, withTools: boolean): Model[] {
  if (name !== undefined) return [models.get(name)];
  return models.choose(withTools ? { features: ["Tools"] } : {});
}

/** Another model may have better luck with these. */
const PASSING = new Set(["Overloaded", "Unavailable", "Timeout", "InvalidConfig"]);

/** Asks one after the other, as long as nothing of an answer was heard. @throws the first one's error when none answered. */
export async function ask(
  models: readonly Model[],
  request: ChatRequest,
  options: ModelOptions,
  passed: (model: Model, error: DriverError) => void,
): Promise<ChatAnswer> {
  let first: unknown;
  let heard = false;
  const onText = (delta: string) => {
    heard = true;
    options.onText?.(delta);
  };
  for (const model of models) {
    try {
      return await model.chat(request, { ...options, onText });
    } catch (error) {
      first ??= error;
      const mayPass = error instanceof DriverError && PASSING.has(error.code) && !heard;
      if (!mayPass || options.signal?.aborted) throw error;
      passed(model, error);
    }
  }
  throw first;
}
