import type { Socket } from "node:net";

/** Carries bytes both ways until both sides have ended, one has failed, nothing was said for `idleMs`, or the signal is aborted. */
export function relay(
  source: Socket,
  target: Socket,
  { idleMs, signal, closed }: { idleMs: number; signal: AbortSignal; closed: () => void },
): void {
  const destroy = () => {
    source.destroy();
    target.destroy();
  };
  // Either way counts: what is read of one is written to the other.
  source.setTimeout(idleMs, destroy);
  signal.addEventListener("abort", destroy, { once: true });
  for (const [one, other] of [
    [source, target],
    [target, source],
  ] as const) {
    one.on("error", destroy);
    one.once("close", (failed) => {
      if (failed) other.destroy();
      // What was read of it is written first.
      else other.destroySoon();
    });
    one.pipe(other);
  }
  let open = 2;
  const end = () => {
    open -= 1;
    if (open > 0) return;
    signal.removeEventListener("abort", destroy);
    closed();
  };
  source.once("close", end);
  target.once("close", end);
  if (signal.aborted || source.destroyed || target.destroyed) destroy();
}
