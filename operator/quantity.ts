const FACTORS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The API server writes a quantity in its own way: `1000m` comes back as `1`, `0.5Gi` as `512Mi`. */
export function sameQuantity(a: unknown, b: unknown): boolean {
  const left = amount(a);
  const right = amount(b);
  if (left === undefined || right === undefined) return a === b;
  return Math.abs(left - right) <= Math.abs(left) * 1e-12;
}

/** In units: bytes, cores. Undefined: it is no quantity. */
export function amount(quantity: unknown): number | undefined {
  const match = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)([numkMGTPE]|[KMGTPE]i)?$/.exec(String(quantity));
  if (!match) return undefined;
  const value = Number(match[1]) * (FACTORS[match[2] ?? ""] ?? Number.NaN);
  return Number.isNaN(value) ? undefined : value;
}
