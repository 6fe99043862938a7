import type { Row, Session } from "@vextir/database";
import { DriverError } from "@vextir/driver-runtime";
import { Condition } from "./condition.ts";
import { dataColumns, EVENT_COLUMNS, HANDLING_COLUMNS, recordedEvent, recordedHandling } from "./rows.ts";
import type { GetInput, GetOutput } from "./schemas.ts";

const MAX_DATA_BYTES = 500_000;
const MAX_HANDLINGS = 100;
const MAX_SAME_ID = 100;

/** The event of this id, the first recorded of several, with its handlings. @throws DriverError `NotFound` */
export async function getEvent(session: Session, input: GetInput): Promise<GetOutput> {
  const { row, others } = await findEvent(session, input, dataColumns(MAX_DATA_BYTES));
  const handlings = await session.query(
    `select ${HANDLING_COLUMNS} from handlings where event = $1 order by at, attempt limit ${MAX_HANDLINGS}`,
    [row["identity"]],
  );
  return { event: recordedEvent(row), handlings: handlings.map(recordedHandling), others };
}

export async function findEvent(
  session: Session,
  { id, publisher, source, user }: GetInput,
  further = "true as omitted",
): Promise<{ row: Row; others: number }> {
  const condition = new Condition()
    .with(id, (p) => `id = ${p}`)
    .with(publisher, (p) => `publisher = ${p}`)
    .with(source, (p) => `source = ${p}`)
    .with(user, (p) => `user_id = ${p}`);
  const same = await session.query(
    `select identity::text as identity from events where ${condition} order by seq limit ${MAX_SAME_ID}`,
    condition.parameters,
  );
  const [first] = same;
  if (!first)
    throw new DriverError(
      "NotFound",
      `the ledger has no event "${id}": it was not recorded yet, or is older than the retention`,
    );
  const [row] = await session.query(`select ${EVENT_COLUMNS}, ${further} from events where identity = $1`, [
    first["identity"],
  ]);
  if (!row)
    throw new DriverError("NotFound", `the event "${id}" was dropped just now: its retention is over`);
  return { row, others: same.length - 1 };
}
