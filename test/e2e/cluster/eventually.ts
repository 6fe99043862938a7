import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 200;

/**
 * What `probe` answers, once it answers without throwing and with anything but undefined or false. Throws the last failure,
 * or that nothing came, when that takes longer than `timeoutMs`.
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  timeoutMs = 120_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  do {
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await delay(POLL_MS);
  } while (Date.now() < deadline);
  throw new Error(`not within ${timeoutMs / 1000} s: ${what}`, { cause: last });
}
