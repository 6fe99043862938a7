import { sameQuantity } from "../quantity.ts";

type Fields = Readonly<Record<string, unknown>>;

/**
 * What the API server recorded of the fields that we own (`fieldsV1`), at one place of the object: a tree whose keys are
 * `f:<field>`, `k:<key fields of a list's item>`, `v:<value of a set>` and `.` for the place itself. `WHOLE`: we own all of it,
 * since lists and maps may be atomic.
 */
type Owned = Fields | typeof WHOLE | undefined;
const WHOLE = Symbol("whole");

/** These name the object; nobody owns them. */
const NAMING = new Set(["name", "namespace", "uid", "resourceVersion", "managedFields"]);
const QUANTITIES = new Set(["limits", "requests", "hard", "sizeLimit", "storage"]);

/**
 * Whether to apply `desired` would change nothing: we own exactly its fields, and each has its value. Fields of others and
 * the server's defaults don't count. Answers false where it can't tell; an apply then costs a request and changes nothing.
 */
export function appliesNothing(desired: Fields, current: Fields, owned: Fields | undefined): boolean {
  const { apiVersion: _version, kind: _kind, metadata, ...rest } = desired;
  const labels = Object.entries((metadata ?? {}) as Fields).filter(([name]) => !NAMING.has(name));
  const wanted = labels.length > 0 ? { ...rest, metadata: Object.fromEntries(labels) } : rest;
  return unchangedFields(wanted, current, owned ?? {}, false);
}

function unchanged(desired: unknown, current: unknown, owned: Owned, quantities: boolean): boolean {
  // Of an empty list with keys the server records nothing.
  if (owned === undefined) return isEmptyList(desired) && isEmptyList(current ?? []);
  // A leaf of the tree: a scalar, or an atomic list or map.
  const within: Owned = owned !== WHOLE && Object.keys(owned).length === 0 ? WHOLE : owned;
  if (current === undefined || current === null) return isZero(desired);
  if (Array.isArray(desired)) {
    if (!Array.isArray(current)) return false;
    return within === WHOLE ? unchangedItems(desired, current) : unchangedByKey(desired, current, within);
  }
  if (isFields(desired)) return isFields(current) && unchangedFields(desired, current, within, quantities);
  return desired === current || (quantities && sameQuantity(desired, current));
}

function unchangedFields(
  desired: Fields,
  current: Fields,
  owned: Fields | typeof WHOLE,
  quantities: boolean,
): boolean {
  if (owned !== WHOLE && givesUp(desired, owned)) return false;
  return Object.entries(desired).every(([name, value]) => {
    if (value === undefined || value === null) return true;
    const child = owned === WHOLE ? WHOLE : (owned[`f:${name}`] as Owned);
    return unchanged(value, current[name], child, quantities || QUANTITIES.has(name));
  });
}

/** We own a field that is no longer wanted. */
function givesUp(desired: Fields, owned: Fields): boolean {
  return Object.keys(owned).some((key) => {
    if (!key.startsWith("f:")) return false;
    const value = desired[key.slice(2)];
    return value === undefined || value === null;
  });
}

function unchangedItems(desired: readonly unknown[], current: readonly unknown[]): boolean {
  return (
    desired.length === current.length && desired.every((item, i) => unchanged(item, current[i], WHOLE, false))
  );
}

/** A list whose items have keys, or a set: others may own further items. */
function unchangedByKey(desired: readonly unknown[], current: readonly unknown[], owned: Fields): boolean {
  const entries = Object.entries(owned)
    .filter(([key]) => key.startsWith("k:") || key.startsWith("v:"))
    .map(([key, child]) => ({ key: JSON.parse(key.slice(2)) as unknown, child: child as Fields }));
  if (entries.length !== desired.length) return false;
  const taken = new Set<unknown>();
  return entries.every(({ key, child }) => {
    if (!isFields(key)) return desired.includes(key) && current.includes(key);
    const wanted = itemOf(desired, key) ?? itemWithDefaults(desired, key);
    if (wanted === undefined || taken.has(wanted)) return false;
    taken.add(wanted);
    return unchanged(wanted, itemOf(current, key), child, false);
  });
}

const itemOf = (list: readonly unknown[], key: Fields) =>
  list.filter(isFields).find((item) => Object.entries(key).every(([name, value]) => item[name] === value));

/** A key field that was left out was filled in by the server: `protocol` of a port. */
const itemWithDefaults = (list: readonly unknown[], key: Fields) =>
  list
    .filter(isFields)
    .find((item) =>
      Object.entries(key).every(([name, value]) => item[name] === undefined || item[name] === value),
    );

/** What the server leaves out when it writes the object down, though it knows that we own it. */
function isZero(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isFields(value)) return Object.values(value).every(isZero);
  return !value;
}

const isEmptyList = (value: unknown) => Array.isArray(value) && value.length === 0;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);
