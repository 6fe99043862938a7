/** Whether a bound means the name: a final `*` stands for whatever follows. */
export const coversName = (bound: string, name: string) =>
  bound.endsWith("*") ? name.startsWith(bound.slice(0, -1)) : bound === name;
