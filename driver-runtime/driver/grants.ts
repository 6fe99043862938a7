import { type Capabilities, covers, matches } from "@vextir/api";
import { DriverError } from "../errors.ts";

/**
 * What the Driver object grants, as the pod was told: an early, typed answer. The bus decides; it refuses what this would
 * let pass and has not heard of changes since.
 */
export class Grants {
  readonly #driver: string;
  readonly #capabilities: Capabilities;

  constructor(driver: string, capabilities: Capabilities) {
    this.#driver = driver;
    this.#capabilities = capabilities;
  }

  /** @throws DriverError `NotGranted` */
  publish(type: string): void {
    if (!this.#capabilities.publish.some((pattern) => matches(pattern, type)))
      throw this.refusal(`publish "${type}"`, "publish", type);
  }

  /** Its own methods need no grant. @throws DriverError `NotGranted` */
  call(method: string): void {
    if (method.startsWith(`${this.#driver}.`)) return;
    if (!sameTenant(this.#capabilities.call, method).some((pattern) => matches(pattern, method)))
      throw this.refusal(`call "${method}"`, "call", method);
  }

  /** Its own live topics need no grant. @throws DriverError `NotGranted` */
  observe(pattern: string): void {
    if (pattern.startsWith(`live.${this.#driver}.`)) return;
    if (!sameTenant(this.#capabilities.observe, pattern).some((granted) => covers(granted, pattern)))
      throw this.refusal(`observe "${pattern}"`, "observe", pattern);
  }

  /** @throws DriverError `NotGranted` */
  state(): void {
    if (!this.#capabilities.state) throw this.refusal("use state", "state", true);
  }

  /** The pod was told that it may store this, and the bus refuses: the grant is being changed, or the quota is used up. */
  heldBack(what: string): DriverError {
    return new DriverError(
      "Unavailable",
      `${what}: the bus takes nothing of driver "${this.#driver}" here now: it has sent more than its publish quota, or its grant was taken away; its condition BusAccessReady tells`,
    );
  }

  /** The error for what is refused, with the line that would grant it. */
  refusal(
    deed: string,
    capability: "publish" | "call" | "observe" | "state",
    value: string | true,
  ): DriverError {
    const line = `${capability}: ${value === true ? "true" : `[${JSON.stringify(value)}]`}`;
    return new DriverError(
      "NotGranted",
      `driver "${this.#driver}" may not ${deed}: its Driver object would have to grant it with spec.capabilities.${line}`,
    );
  }
}

/** Of these patterns those of the tenant that is named: `>` means nothing that another one shares. */
const sameTenant = (patterns: readonly string[], name: string) =>
  patterns.filter((pattern) => pattern.startsWith("@") === name.startsWith("@"));
