/** The README's quickstart as a newcomer runs it: `make up`, and what it says to paste. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { eventually } from "../fixtures/eventually.ts";
import { environment, vextir } from "../integration/local/local-process.ts";

const root = join(import.meta.dirname, "..", "..");

let folder: string;
let child: ChildProcess;
let said = "";
let readme: string;

const block = (language: string, holds: string) => {
  const blocks = [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"))];
  return blocks.map((match) => match[1] ?? "").find((text) => text.includes(holds)) ?? "";
};

beforeAll(async () => {
  readme = await readFile(join(root, "README.md"), "utf8");
  folder = await mkdtemp(join(tmpdir(), "vextir-quickstart-"));
  await cp(join(root, "examples", "quickstart"), join(folder, "quickstart"), { recursive: true });
  // As `make up` does, in a place of its own.
  child = spawn(process.execPath, [vextir, "up", "quickstart"], {
    cwd: folder,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk) => {
      said += chunk;
    });
});
afterAll(async () => {
  child?.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

interface Answer {
  id: string;
  events: { type: string; publisher: string; causationid: string; data: { text: string } }[];
}

/** As somebody who pastes it into a terminal. */
async function paste(command: string): Promise<Answer> {
  const { stdout } = await promisify(execFile)("bash", ["-c", command]);
  return JSON.parse(stdout);
}

const isSaid = (text: string) =>
  eventually(async () => said.includes(text)).catch((cause) => {
    throw new Error(`"${text}" was not said:\n${said}`, { cause });
  });

/** What `make up` prints under this headline. */
async function printed(headline: string): Promise<string> {
  await isSaid("Ctrl-C stops.");
  return (
    said
      .slice(said.indexOf(headline) + headline.length)
      .split("\n\n")[0]
      ?.trim() ?? ""
  );
}

test("what it prints posts an event that is answered", async () => {
  const answer = await paste(await printed("Post an event:"));
  expect(answer.events.at(-1)).toMatchObject({
    ...{ type: "chat.message.sent", publisher: "assistant", causationid: answer.id },
    data: { text: expect.stringContaining("Tokyo") },
  });
});

test("so does the README's, and its driver takes over when it is put in the other's place", async () => {
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(await printed("Post an event:"))?.[0] ?? "";
  const curl = block("sh", "curl").replace("http://127.0.0.1:8080", url);
  const answers = async () =>
    (await paste(curl)).events.map(({ publisher, data }) => `${publisher}: ${data.text}`);
  expect(await answers()).toEqual([expect.stringMatching(/^assistant: .*Tokyo/)]);
  await writeFile(join(folder, "quickstart", "greeter.yaml"), block("yaml", "name: greeter"));
  await rm(join(folder, "quickstart", "assistant.yaml"));
  await isSaid("driver/assistant deleted");
  await eventually(async () => /greeter .*is ready/.test(said));
  expect(await answers()).toEqual(["greeter: You said: What time is it in Tokyo?"]);
});

test("Ctrl-C ends it", async () => {
  const ended = once(child, "exit");
  child.kill("SIGINT");
  expect(await ended).toEqual([0, null]);
});
