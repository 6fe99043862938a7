import { expect } from "@jest/globals";
import { eventually } from "../fixtures/eventually.ts";
import { BusView } from "./bus.ts";
import { TENANT } from "./installation.ts";

/** Every event that was acknowledged is stored, and the assistant has answered it. */
export async function expectAnswered(acknowledged: readonly string[]): Promise<void> {
  const bus = await BusView.open();
  try {
    const tenant = await bus.tenant(TENANT);
    const unanswered = await eventually(async () => {
      const events = await tenant.events();
      const stored = new Set(events.map(({ id }) => id));
      expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
      const causes = new Set(
        events.filter(({ subject }) => subject.startsWith("evt.assistant.")).map((e) => e.causationId),
      );
      const open = acknowledged.filter((id) => !causes.has(id));
      return open.length === 0 && open;
    }, "an answer to every acknowledged event");
    expect(unanswered).toEqual([]);
  } finally {
    await bus.close();
  }
}
