import { type ChildProcess, spawn } from "node:child_process";

/**
 * Reads "+group" and "-group" and, when its input ends, ends the groups that are left: SIGTERM, and SIGKILL after five seconds.
 * A shell, since that costs a megabyte where a Node process would cost forty.
 */
const SCRIPT = `
groups=
while read -r sign group; do
  case $sign in
    +) groups="$groups $group" ;;
    -) left=; for g in $groups; do [ "$g" = "$group" ] || left="$left $g"; done; groups=$left ;;
  esac
done
[ -n "$groups" ] || exit 0
for g in $groups; do kill -s TERM -- "-$g"; done
i=0
while [ $i -lt 50 ]; do
  left=; for g in $groups; do kill -s 0 -- "-$g" && left=1; done
  [ -n "$left" ] || exit 0
  sleep 0.1
  i=$((i + 1))
done
for g in $groups; do kill -s KILL -- "-$g"; done
`;

/**
 * Outlives this process, however it ends, just long enough to end what it started: its input is a pipe that only this process
 * holds, and the system closes it even after SIGKILL.
 */
export class Guardian {
  #child: ChildProcess | undefined;
  #groups = new Set<number>();
  #closed = false;

  start(): void {
    const child = spawn("/bin/sh", ["-c", SCRIPT], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
      cwd: "/",
    });
    child.on("error", () => {});
    // Its input breaks when it is ended by somebody; the next one is told everything again.
    child.stdin.on("error", () => {});
    child.on("exit", () => {
      if (!this.#closed) setTimeout(() => this.#closed || this.start(), 1_000).unref();
    });
    child.unref();
    this.#child = child;
    for (const group of this.#groups) this.#tell(`+ ${group}`);
  }

  add(group: number): void {
    this.#groups.add(group);
    this.#tell(`+ ${group}`);
  }

  remove(group: number): void {
    this.#groups.delete(group);
    this.#tell(`- ${group}`);
  }

  /** It ends what was not removed, then itself. */
  close(): void {
    this.#closed = true;
    this.#child?.stdin?.end();
  }

  #tell(line: string): void {
    this.#child?.stdin?.write(`${line}\n`);
  }
}
