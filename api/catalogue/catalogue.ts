import type { CatalogueEntry } from "./entry.ts";

type Family = () => Promise<{ default: readonly CatalogueEntry[] }>;

/** Types by their first part. A family is loaded when the first of its types is met: a driver that meets none holds none. */
const FAMILIES: Readonly<Record<string, Family>> = {
  auth: () => import("./types/auth.ts"),
  calendar: () => import("./types/calendar.ts"),
  chat: () => import("./types/chat.ts"),
  context: () => import("./types/context.ts"),
  email: () => import("./types/email.ts"),
  instruction: () => import("./types/instruction.ts"),
  llm: () => import("./types/llm.ts"),
  notification: () => import("./types/notification.ts"),
  repo: () => import("./types/repo.ts"),
  schedule: () => import("./types/schedule.ts"),
  task: () => import("./types/task.ts"),
  worker: () => import("./types/worker.ts"),
};

const familyOf = (type: string): Family | undefined => {
  const name = type.slice(0, Math.max(0, type.indexOf(".")));
  return Object.hasOwn(FAMILIES, name) ? FAMILIES[name] : undefined;
};

/** Whether the catalogue may have the type: cheap, loads nothing. */
export const maybeCatalogued = (type: string): boolean => familyOf(type) !== undefined;

/** All versions of a type, the first one first; empty when the catalogue has it not. */
export async function versionsOf(type: string): Promise<CatalogueEntry[]> {
  const entries = (await familyOf(type)?.())?.default ?? [];
  return entries.filter((each) => each.type === type).sort((a, b) => a.version - b.version);
}

/** Everything, by type and version. */
export async function catalogue(): Promise<CatalogueEntry[]> {
  const families = await Promise.all(Object.values(FAMILIES).map((load) => load()));
  return families
    .flatMap((family) => family.default)
    .sort((a, b) => (a.type === b.type ? a.version - b.version : a.type < b.type ? -1 : 1));
}
