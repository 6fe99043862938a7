/**
 * Why a pod's container can't be started yet; it is tried again.
 * - `Config`: something that the template names is missing or not known here.
 * - `Image`: the image can't be run by the local mode.
 */
export type PodErrorCode = "Config" | "Image";

export class PodError extends Error {
  override readonly name = "PodError";
  readonly code: PodErrorCode;
  constructor(code: PodErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
