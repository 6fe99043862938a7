import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { ToolError } from "./tool-error.ts";

export interface CommandOptions {
  cwd?: string;
  /** Added to this process's environment. */
  env?: Readonly<Record<string, string>>;
  /** Default: ten minutes. */
  timeoutMs?: number;
}

/** Standard output of the command. @throws ToolError `Failed` with the end of what it wrote. */
export function run(program: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { cwd, env, timeoutMs = 600_000 } = options;
  return new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      {
        ...(cwd && { cwd }),
        env: { ...process.env, ...env },
        timeout: timeoutMs,
        killSignal: "SIGKILL",
        maxBuffer: 64 * 2 ** 20,
      },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        const why = error.killed
          ? `took longer than ${timeoutMs / 1000} s`
          : (lastLines(stderr) ?? error.message);
        reject(new ToolError("Failed", `${program} ${args.join(" ")}: ${why}`, { cause: error }));
      },
    );
  });
}

function lastLines(text: string): string | undefined {
  const lines = text.split("\n").filter((line) => line.trim());
  return lines.length > 0 ? lines.slice(-5).join("\n").slice(-1_000) : undefined;
}

/** Path of a program on the PATH. */
export function onPath(name: string): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find(isProgram);
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
