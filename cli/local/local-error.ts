/**
 * - `StateLocked`: another `vextir up` runs on the same state folder; the message names its process.
 * - `BadFolder`: the folder of YAML can't be read.
 * - `BadState`: the state folder can't be read or written, or is of another version.
 * - `NotBuilt`: the bundles that pods run from are missing.
 * - `StartFailed`: a program of the local mode did not come up.
 * - `NotRunning`: no local mode runs on that state folder.
 * - `NotFound`: what was asked about is not there.
 * - `BadInput`: what was asked for can't be understood.
 * - `Stopped`: it was told to stop while it was starting.
 * - `Refused`: what was asked for was refused, or did not happen in time.
 */
export type LocalErrorCode =
  | "StateLocked"
  | "BadFolder"
  | "BadState"
  | "NotBuilt"
  | "StartFailed"
  | "NotRunning"
  | "NotFound"
  | "BadInput"
  | "Stopped"
  | "Refused";

export class LocalError extends Error {
  override readonly name = "LocalError";
  readonly code: LocalErrorCode;
  constructor(code: LocalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
