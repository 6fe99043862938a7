import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const OUTPUT_BYTES = 64 * 2 ** 20;
const PATIENCE_MS = 120_000;

export class ProgramError extends Error {
  override readonly name = "ProgramError";
  readonly stderr: string;
  constructor(message: string, stderr: string, options?: ErrorOptions) {
    super(message, options);
    this.stderr = stderr;
  }
}

/** Standard output of a program. Throws `ProgramError`, with what it said, when it fails or takes over two minutes. */
export function run(program: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: OUTPUT_BYTES, timeout: PATIENCE_MS };
    const child = execFile(program, args, options, (cause, stdout, stderr) => {
      if (!cause) return resolve(stdout);
      const said = stderr || cause.message;
      reject(new ProgramError(`${program} ${args.join(" ")}: ${said}`, stderr, { cause }));
    });
    child.stdin?.end(input);
  });
}

export interface Background {
  /** The first match in a line of its standard output. */
  match: RegExpMatchArray;
  stop(): Promise<void>;
}

/** Starts a program that stays, once a line of its standard output has matched. */
export async function start(program: string, args: readonly string[], ready: RegExp): Promise<Background> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const stop = async () => {
    child.kill();
    await ended;
  };
  const lines = createInterface({ input: child.stdout });
  const found = (async () => {
    for await (const line of lines) {
      const match = ready.exec(line);
      if (match) return match;
    }
    throw new ProgramError(`${program} ${args.join(" ")} ended before it was ready`, "");
  })();
  const match = await found;
  child.stdout.resume();
  return { match, stop };
}
