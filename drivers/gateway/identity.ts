import { createHmac, createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import { DriverError, type State } from "@vextir/driver-runtime";
import { z } from "zod";

/** Key of the gateway's bucket under which the secret lies. */
export const SECRET_KEY = "identity.secret";
const SECRET_BYTES = 32;
/** Bytes of half a SHA-512. */
const HALF = 32;
const Secret = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** What the bus knows a foreign event by. */
export interface Identity {
  /** The bus drops a second event with it within its duplicate window. */
  messageId: string;
  /** Everything that the event brings about carries it. */
  correlationId: string;
}

/**
 * Makes ids of (source, id), which is what makes a CloudEvent unique, and of who sent it: else somebody could send another's
 * event first and have the real one dropped. Ids alone are no use: two sources may both begin at 1.
 * They are keyed by a secret, since an id that others can guess could be published by them first, and the real event would
 * be dropped as its duplicate; or its answers be read along by its correlation.
 */
export class Identities {
  /** As a key object: made of the bytes for every event, the key took ten times as long as the digest. */
  readonly #secret: KeyObject;

  constructor(secret: Buffer) {
    this.#secret = createSecretKey(secret);
  }

  /** With the secret that all replicas share: the first one to come makes it. @throws DriverError of the state. */
  static async load(state: Pick<State, "get" | "create">): Promise<Identities> {
    const found = await state.get(SECRET_KEY);
    if (found) return new Identities(parse(found.value));
    const made = randomBytes(SECRET_BYTES).toString("base64url");
    try {
      await state.create(SECRET_KEY, made);
      return new Identities(parse(made));
    } catch (error) {
      if (!(error instanceof DriverError) || error.code !== "Conflict") throw error;
      return new Identities(parse((await state.get(SECRET_KEY))?.value));
    }
  }

  /** Either half of the code is as good as random to who has the other: one is shown, one is not. */
  of(sender: string, source: string, id: string): Identity {
    // As a JSON array the parts can't run into one another.
    const parts = JSON.stringify([sender, source, id]);
    const code = createHmac("sha512", this.#secret).update(parts).digest();
    return {
      messageId: code.toString("base64url", 0, HALF),
      correlationId: code.toString("base64url", HALF),
    };
  }
}

function parse(value: unknown): Buffer {
  const secret = Secret.safeParse(value);
  if (secret.success) return Buffer.from(secret.data, "base64url");
  throw new DriverError(
    "InvalidConfig",
    `the key "${SECRET_KEY}" of the gateway's state is no secret of ${SECRET_BYTES} bytes: delete it, and a new one is made`,
  );
}
