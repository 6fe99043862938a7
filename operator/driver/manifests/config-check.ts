import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { TimeLimitError, withinTime } from "./time-limit.ts";

/** Of a stranger's schema: a thousand times what a usual one takes, since the machine may be busy. */
const LIMIT_MS = 1_000;
/** Told to people at most. */
const MAX_PROBLEMS = 5;
/** Compiled schemas, as long as their manifests are known. */
const validators = new WeakMap<object, ValidateFunction>();

/**
 * What is wrong with a configuration by its manifest's JSON Schema (2020-12), each with its place; empty: nothing. Keys that Secrets
 * fill may be missing. A schema that can't be used is a problem too. The release's own schemas (`isTrusted`) need no clock.
 * @throws TimeLimitError when the check takes longer than a second: of the schema, or of a machine that has no time.
 */
export function configProblems(
  schema: Record<string, unknown>,
  config: Record<string, unknown>,
  secretNames: readonly string[],
  isTrusted = false,
): string[] {
  const check = () => {
    const validate = validatorOf(schema);
    return validate(config) ? [] : [...(validate.errors ?? [])];
  };
  try {
    const errors = isTrusted ? check() : withinTime(LIMIT_MS, check);
    const secrets = new Set(secretNames);
    return errors
      .filter((error) => !isFilledBySecret(error, secrets))
      .slice(0, MAX_PROBLEMS)
      .map(problem);
  } catch (error) {
    if (error instanceof TimeLimitError) throw error;
    return [`the manifest's schema can't be used: ${(error as Error).message}`];
  }
}

function validatorOf(schema: Record<string, unknown>): ValidateFunction {
  const known = validators.get(schema);
  if (known) return known;
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false, logger: false });
  const validate = ajv.compile(schema);
  validators.set(schema, validate);
  return validate;
}

function isFilledBySecret(error: ErrorObject, secrets: ReadonlySet<string>): boolean {
  if (error.instancePath !== "") return secrets.has(error.instancePath.split("/")[1] ?? "");
  return error.keyword === "required" && secrets.has(String(error.params["missingProperty"]));
}

function problem({ instancePath, message, params }: ErrorObject): string {
  const place = `config${instancePath.replaceAll("/", ".")}`;
  const detail = params["additionalProperty"] ?? params["allowedValues"] ?? params["allowedValue"];
  return `${place} ${message}${detail === undefined ? "" : ` (${[detail].flat().join(", ")})`}`;
}
