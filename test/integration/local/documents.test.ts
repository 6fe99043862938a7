import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { retried } from "../../fixtures/eventually.ts";
import { LocalProcess } from "./local-process.ts";

const EXAMPLE = join(import.meta.dirname, "../../../examples/documents");
type Request = [type: string, data: string];
let local: LocalProcess;
let url = "";
/** The README's, in their order: type and data. */
let requests: Request[];

beforeAll(async () => {
  const yaml = (await readdir(EXAMPLE)).filter((name) => name.endsWith(".yaml"));
  const files = yaml.map(async (name) => [name, await readFile(join(EXAMPLE, name), "utf8")]);
  local = await LocalProcess.create(Object.fromEntries(await Promise.all(files)));
  const page = await readFile(join(EXAMPLE, "README.md"), "utf8");
  requests = [...page.matchAll(/^event (\S+) '(.*)'$/gm)].map(([, type = "", data = ""]) => [type, data]);
  local.up();
  const rows = await local.ready("context-hub", "gateway");
  url = rows.find(({ name }) => name === "gateway")?.urls[0] ?? "";
});
afterAll(() => local?.dispose());

async function ask([type, data]: Request): Promise<{ type: string; data: Record<string, unknown> }> {
  const event = { specversion: "1.0", id: crypto.randomUUID(), source: "/t", type, data: JSON.parse(data) };
  const answer = await fetch(`${url}/api/events`, {
    method: "POST",
    headers: { "content-type": "application/cloudevents+json", prefer: "wait=20" },
    body: JSON.stringify(event),
  });
  const { events } = (await answer.json()) as { events: Awaited<ReturnType<typeof ask>>[] };
  const found = events.find((one) => /completed|failed/.test(one.type));
  if (!found) throw new Error(`no answer among ${JSON.stringify(events)}`);
  return found;
}

test("the README's requests are answered as it says", async () => {
  expect(requests).toHaveLength(5);
  const [heating, chimney, search, question, summary] = requests as [
    Request,
    Request,
    Request,
    Request,
    Request,
  ];
  const stored = { type: "context.document.completed", data: { changed: true, userId: "me" } };
  // The hub begins with the first driver that wants it, and takes its time.
  await retried(async () => expect(await ask(heating)).toMatchObject({ type: stored.type }));
  expect(await ask(chimney)).toMatchObject(stored);
  const found = await ask(search);
  expect(found.data).toMatchObject({ hits: [{ title: "heating" }] });
  const answered = await ask(question);
  expect(answered.data).toMatchObject({ text: expect.stringContaining("The chimney is swept on Friday. [") });
  const summed = await ask(summary);
  expect(summed.data).toMatchObject({ summary: "notes", text: expect.stringContaining("Monday") });
});
