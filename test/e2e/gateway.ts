import { randomUUID } from "node:crypto";

/** An event as the gateway shows it. */
export interface ShownEvent {
  id: string;
  type: string;
  publisher: string;
  correlationid: string;
  causationid?: string;
  data: Record<string, unknown>;
}

export interface Answer {
  id: string;
  events: ShownEvent[];
}

const PATIENCE_MS = 45_000;

/** An HTTP client of the gateway at `url`. */
export class Gateway {
  readonly #url: string;
  constructor(url: string) {
    this.#url = url;
  }

  /** Posts an event and waits for what follows. */
  async ask(type: string, data: unknown, waitSeconds = 20): Promise<Answer> {
    const response = await this.post(type, data, { Prefer: `wait=${waitSeconds}` });
    const body = await response.text();
    if (response.status !== 200) throw new Error(`${type} was answered with ${response.status}: ${body}`);
    return JSON.parse(body) as Answer;
  }

  /** Posts an event; answers its id once the gateway has acknowledged it. */
  async tell(type: string, data: unknown, id = randomUUID()): Promise<string> {
    const response = await this.post(type, data, {}, id);
    const body = await response.text();
    if (response.status !== 202) throw new Error(`${type} was answered with ${response.status}: ${body}`);
    return (JSON.parse(body) as { id: string }).id;
  }

  post(
    type: string,
    data: unknown,
    headers: Record<string, string> = {},
    id: string = randomUUID(),
  ): Promise<Response> {
    return fetch(`${this.#url}/api/events`, {
      method: "POST",
      headers: { "Content-Type": "application/cloudevents+json", ...headers },
      body: JSON.stringify({ specversion: "1.0", id, source: "/e2e", type, data }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  }
}
