import { randomUUID } from "node:crypto";
import { z } from "zod";
import { LocalError } from "../../local/local-error.ts";

const WAIT_SECONDS = 30;

const Followed = z.looseObject({
  id: z.string(),
  type: z.string(),
  publisher: z.string(),
  causationid: z.string().optional(),
  data: z.unknown(),
});
const Answer = z.object({ id: z.string(), complete: z.boolean(), events: z.array(Followed) });

/** What the gateway answers: the events that followed. */
export type Answer = z.infer<typeof Answer>;

/** Posts an event to the gateway and waits for what follows. @throws LocalError `Refused` when nothing does. */
export async function ask(url: string, type: string, data: object, signal: AbortSignal): Promise<Answer> {
  const response = await fetch(`${url}/api/events`, {
    method: "POST",
    headers: { "content-type": "application/cloudevents+json", prefer: `wait=${WAIT_SECONDS}` },
    body: JSON.stringify({ specversion: "1.0", id: randomUUID(), source: "/demo", type, data }),
    signal: AbortSignal.any([signal, AbortSignal.timeout((WAIT_SECONDS + 10) * 1_000)]),
  });
  const body: unknown = await response.json();
  if (response.status !== 200)
    throw new LocalError("Refused", `${type} was answered with ${response.status}: ${JSON.stringify(body)}`);
  const answer = Answer.parse(body);
  if (!answer.complete)
    throw new LocalError("Refused", `${type} was not followed by its answer within ${WAIT_SECONDS} s`);
  return answer;
}
