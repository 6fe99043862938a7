import pinned from "./versions.json" with { type: "json" };

/** The pinned versions of third-party programs; the cluster's scripts read the same file. */
export const versions: Readonly<typeof pinned> = pinned;

/** Whether version `have` (`1.2.3`, other text around it is ignored) is at least `oldest`. */
export function atLeast(have: string, oldest: string): boolean {
  const [a, b] = [numbersOf(have), numbersOf(oldest)];
  if (a.length === 0) return false;
  const differs = b.findIndex((part, i) => part !== (a[i] ?? 0));
  return differs < 0 || (a[differs] ?? 0) > (b[differs] ?? 0);
}

const numbersOf = (text: string) =>
  (/\d+(\.\d+)+/.exec(text)?.[0] ?? "").split(".").filter(Boolean).map(Number);
