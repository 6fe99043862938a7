import {
  DriverError,
  dataSchemaUri,
  OLDER_VERSION,
  type Publish,
  RegisteredTypes,
  SchemaViolation,
} from "@vextir/driver-runtime";
import type { Principal } from "./access/grant.ts";
import type { IncomingEvent } from "./cloudevents/incoming.ts";
import type { Identities, Identity } from "./identity.ts";
import { Problem, type ProblemCode } from "./problem.ts";

export interface Accepted {
  id: string;
  correlationid: string;
  /** Present when the bus had this (source, id) already: it was not stored again. */
  duplicate?: true;
}

/** Knows what the bus has forgotten. */
export interface KnownBefore {
  /** Never rejects. */
  has(event: Pick<IncomingEvent, "source" | "id" | "time">, identity: Identity): Promise<boolean>;
}

/** Knows schemas that drivers registered for types of their own. */
export interface Declared {
  has(type: string): boolean;
  violation(event: IncomingEvent): Promise<SchemaViolation | undefined>;
}

export interface AcceptanceParts {
  publish: Publish;
  identities: Identities;
  known: KnownBefore;
  declared: Declared;
  /** Default 5 s. */
  confirmTimeoutMs?: number;
}

/** So long a client is kept waiting for the bus; the runtime goes on for longer, which is why sending again must be safe. */
const CONFIRM_TIMEOUT_MS = 5_000;
/** The runtime knows at once what the Driver object does not grant; later it means that the bus has nobody who answers. */
const GRANT_KNOWN_MS = 1_000;

const PROBLEMS: Partial<Record<DriverError["code"], ProblemCode>> = {
  NotGranted: "NotGranted",
  InvalidInput: "InvalidAttribute",
  TooLarge: "TooLarge",
  Overloaded: "Busy",
  Unavailable: "BusUnavailable",
  Timeout: "BusUnavailable",
  Closed: "BusUnavailable",
};

/** Puts foreign events on the bus; resolved means stored. */
export class Acceptance {
  readonly #parts: AcceptanceParts;
  readonly #confirmTimeoutMs: number;
  readonly #registered = new RegisteredTypes();

  constructor(parts: AcceptanceParts) {
    this.#parts = parts;
    this.#confirmTimeoutMs = parts.confirmTimeoutMs ?? CONFIRM_TIMEOUT_MS;
  }

  identify({ source, id }: IncomingEvent, sender: Principal): Identity {
    return this.#parts.identities.of(sender.id, source, id);
  }

  /** Metadata of the older platform that is not what its type's schema says is that schema's version 0: anything. */
  async asOlder(event: IncomingEvent): Promise<IncomingEvent> {
    if (event.dataSchema !== undefined || this.#parts.declared.has(event.type)) return event;
    if (!(await this.refusal(event))) return event;
    return { ...event, dataSchema: dataSchemaUri(event.type, OLDER_VERSION) };
  }

  /** Why the event's data is refused before anything is published; undefined: it isn't. */
  async refusal(event: IncomingEvent): Promise<Problem | undefined> {
    const { declared } = this.#parts;
    let violation: SchemaViolation | undefined;
    if (declared.has(event.type)) violation = await declared.violation(event);
    else if (this.#registered.mayHave(event.type)) violation = await this.#registered.violation(event);
    return violation && invalidData(violation);
  }

  /** Of an event that `sender` may send. `settled` is called when the bus is done with the event, be it after the answer. @throws Problem */
  async accept(event: IncomingEvent, sender: Principal, settled: () => void): Promise<Accepted> {
    // What the catalogue says is checked where it is published.
    const refusal = this.#parts.declared.has(event.type) ? await this.refusal(event) : undefined;
    if (refusal) {
      settled();
      throw refusal;
    }
    const identity = this.identify(event, sender);
    if (await this.#parts.known.has(event, identity)) {
      settled();
      return { id: event.id, correlationid: identity.correlationId, duplicate: true };
    }
    const began = Date.now();
    const publishing = this.#put(event, identity).finally(settled);
    try {
      const { duplicate } = await within(this.#confirmTimeoutMs, publishing);
      return { id: event.id, correlationid: identity.correlationId, ...(duplicate && { duplicate }) };
    } catch (error) {
      throw problemOf(error, Date.now() - began);
    }
  }

  async #put({ type, data, traceParent, traceState, ...attributes }: IncomingEvent, identity: Identity) {
    const { correlationId, messageId } = identity;
    const cause = {
      correlationId,
      ...(traceParent !== undefined && { traceParent }),
      ...(traceState !== undefined && { traceState }),
    };
    return this.#parts.publish(type, data, { ...attributes, cause, messageId });
  }
}

/** @throws DriverError `Timeout`; then `work` goes on, and how it ends is of no interest. */
async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new DriverError("Timeout", "the bus is slow")), timeoutMs);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}

const invalidData = (violation: SchemaViolation) =>
  new Problem("InvalidData", violation.message, {
    field: violation.field,
    members: { schema: violation.schema },
    cause: violation,
  });

function problemOf(error: unknown, tookMs: number): unknown {
  if (!(error instanceof DriverError)) return error;
  if (error instanceof SchemaViolation) return invalidData(error);
  const code = PROBLEMS[error.code];
  if (!code) return error;
  if (code === "BusUnavailable" || (code === "NotGranted" && tookMs >= GRANT_KNOWN_MS))
    return new Problem(
      "BusUnavailable",
      "the bus did not confirm the event; it may be stored all the same: send it again with the same source and id",
      { cause: error },
    );
  const field = code === "NotGranted" ? { field: "type" } : {};
  return new Problem(code, error.message, { cause: error, ...field });
}
