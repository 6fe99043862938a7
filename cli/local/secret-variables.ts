import { KINDS, type Secret } from "@vextir/operator/kinds.ts";
import type { ObjectStore } from "./store/object-store.ts";

/** A Secret's key whose text stands in a variable of the environment: no file has to hold it. */
export interface SecretVariable {
  secret: string;
  key: string;
  variable: string;
}

const MANAGER = "vextir-environment";
const NAMESPACE = "default";
const FORM = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)\/([-._a-zA-Z0-9]+)=([A-Za-z_][A-Za-z0-9_]*)$/;

/** `secret/key=VARIABLE`; undefined: it is none. */
export function parseSecretVariable(text: string): SecretVariable | undefined {
  const [, secret, , key, variable] = FORM.exec(text) ?? [];
  return secret && key && variable ? { secret, key, variable } : undefined;
}

/** Makes the Secrets of the variables that are set. Answers what is to be told of the others. */
export function applySecretVariables(
  store: ObjectStore,
  variables: readonly SecretVariable[],
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const data = new Map<string, Record<string, string>>();
  const notes: string[] = [];
  for (const { secret, key, variable } of variables) {
    const text = environment[variable];
    if (text) data.set(secret, { ...data.get(secret), [key]: Buffer.from(text).toString("base64") });
    else notes.push(`${variable} is not set: the key ${key} of Secret ${secret} is not there`);
  }
  for (const [name, keys] of data) {
    const secret: Secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name, namespace: NAMESPACE },
      data: keys,
    };
    store.apply(MANAGER, KINDS.Secret, secret);
  }
  return notes;
}
