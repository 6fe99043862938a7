import { randomUUID } from "node:crypto";
import { CloudEvent, type CloudEventV1, HTTP, type Message } from "cloudevents";

/** An event that followed, as the gateway answers with it. */
export interface Followed extends CloudEventV1<Record<string, unknown>> {
  publisher: string;
  correlationid: string;
  causationid: string;
}

export interface Answer {
  id: string;
  correlationid: string;
  complete: boolean;
  duplicate?: true;
  events: Followed[];
}

/** An event of the official SDK, with a fresh id. */
export const cloudEvent = (type: string, data: unknown) =>
  new CloudEvent({ id: randomUUID(), source: "/test", type, data });

export async function send(url: string, { headers, body }: Message, extra: Record<string, string> = {}) {
  const response = await fetch(url, {
    method: "POST",
    headers: { ...(headers as Record<string, string>), ...extra },
    body: body as string,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Posts an event and waits for what follows. */
export async function ask(url: string, type: string, data: unknown): Promise<Answer> {
  const { status, body } = await send(url, HTTP.structured(cloudEvent(type, data)), { prefer: "wait=20" });
  if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
  return body as unknown as Answer;
}
