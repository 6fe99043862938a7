import { LocalMode, type LocalModeOptions } from "../local/local-mode.ts";

/** After the second signal everything is killed; what still hangs then is left to the guardian. */
const KILLED_MS = 3_000;
/** A shell's code for what SIGINT has ended. */
const KILLED = 130;
/** One Ctrl-C may come twice: from the terminal, and passed on by npm. */
const SAME_MS = 500;

export interface Session {
  mode: LocalMode;
  /** Aborted when the user wants it to end. */
  signal: AbortSignal;
}

/**
 * Runs `work` with a local mode, which is stopped afterwards whatever happens. The first SIGINT, SIGTERM or SIGHUP stops it, drivers
 * within their grace periods; a second one kills. Answers the exit code.
 */
export async function withLocalMode(
  options: LocalModeOptions,
  work: (session: Session) => Promise<number>,
): Promise<number> {
  const { printer } = options;
  const mode = await LocalMode.open(options);
  const stopping = new AbortController();
  let killed = false;
  let first = 0;
  const onSignal = () => {
    if (!stopping.signal.aborted) {
      first = performance.now();
      stopping.abort();
      printer.note("vextir", "stopping; once more kills");
      return;
    }
    if (performance.now() - first < SAME_MS) return;
    killed = true;
    mode.kill();
    setTimeout(() => process.exit(KILLED), KILLED_MS).unref();
  };
  // To the process's end: one that comes late would end it with another code.
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, onSignal);
  // Whoever read the output is gone.
  const onOutputError = () => stopping.abort();
  process.stdout.on("error", onOutputError);
  let code: number;
  try {
    code = await run({ mode, signal: stopping.signal }, work);
  } finally {
    await mode.stop();
    process.stdout.off("error", onOutputError);
  }
  return killed ? KILLED : code;
}

/** What is being started when the user wants it to end is no failure. */
async function run(session: Session, work: (session: Session) => Promise<number>): Promise<number> {
  const { mode, signal } = session;
  const wanted = new Promise<"unwanted">((resolve) => {
    signal.addEventListener("abort", () => resolve("unwanted"), { once: true });
  });
  const starting = mode.start();
  starting.catch(() => {});
  if ((await Promise.race([starting, wanted])) === "unwanted") return 0;
  return work(session);
}
