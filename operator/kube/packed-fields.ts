import type { KubeObject } from "@vextir/api";

/** Thousands of objects own the same few sets of fields, but for the uids of their owners. */
const MAX_SETS = 1_000;
const sets = new Map<string, string>();

/** `fieldsV1` as a text that objects of one shape share. */
export function pack(fields: object, { metadata }: KubeObject): string {
  let text = JSON.stringify(fields);
  for (const [i, { uid }] of (metadata.ownerReferences ?? []).entries()) {
    text = text.replaceAll(uid, placeholder(i));
  }
  const shared = sets.get(text);
  if (shared !== undefined) return shared;
  if (sets.size >= MAX_SETS) sets.clear();
  sets.set(text, text);
  return text;
}

/** `object` is the one whose fields were packed. */
export function unpack(text: string, { metadata }: KubeObject): Record<string, unknown> {
  let restored = text;
  for (const [i, { uid }] of (metadata.ownerReferences ?? []).entries()) {
    restored = restored.replaceAll(placeholder(i), uid);
  }
  return JSON.parse(restored);
}

/** No uid and no name of a field has these characters. */
const placeholder = (i: number) => `<owner ${i}>`;
