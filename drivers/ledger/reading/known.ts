import type { Session } from "@vextir/database";
import { eventIdentity } from "../recording/event-row.ts";
import type { KnownInput, KnownOutput } from "./schemas.ts";

/** Which events of this publisher are recorded already. */
export async function knownEvents(
  session: Session,
  publisher: string,
  { events }: KnownInput,
): Promise<KnownOutput> {
  const identities = events.map(({ source, id, correlation }) =>
    eventIdentity({ publisher, source, id, root: correlation === id ? undefined : correlation }),
  );
  const rows = await session.query(
    "select identity::text as identity from events where identity = any($1::uuid[])",
    [identities],
  );
  const recorded = new Set(rows.map(({ identity }) => identity));
  return { known: identities.flatMap((identity, place) => (recorded.has(identity) ? [place] : [])) };
}
