/** Server-sent events as the HTML standard has them (section 9.2); `data` is JSON, which has no line breaks of its own. */
export function frame({ id, event, data }: { id?: string; event?: string; data: string }): string {
  const lines = [
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(event === undefined ? [] : [`event: ${event}`]),
  ];
  return `${[...lines, `data: ${data}`].join("\n")}\n\n`;
}

export const control = (event: string, data: object) => frame({ event, data: JSON.stringify(data) });
export const retry = (ms: number) => `retry: ${ms}\n\n`;
export const HEARTBEAT = ": heartbeat\n\n";
