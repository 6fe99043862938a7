import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { isSound } from "./generate.ts";

const FILE = "contexthub/v1/documents.proto";
let folder: string;
let source: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-contract-"));
  for (const name of ["buf.yaml", "baseline.json", "contexthub", "google"])
    await cp(join(import.meta.dirname, name), join(folder, name), { recursive: true });
  source = await readFile(join(folder, FILE), "utf8");
});
afterAll(() => rm(folder, { recursive: true }));

async function complaintsOf(text: string): Promise<string> {
  await writeFile(join(folder, FILE), text);
  const written: string[] = [];
  const stderr = jest.spyOn(process.stderr, "write").mockImplementation((chunk) => {
    written.push(String(chunk));
    return true;
  });
  try {
    isSound(folder);
  } finally {
    stderr.mockRestore();
  }
  return written.join("");
}

test("the contract is sound", async () => {
  expect(await complaintsOf(source)).toBe("");
});

test.each([
  {
    reason: "a field that goes",
    change: (text: string) => text.replace(/ {2}\/\/ Its text\.\n {2}string content = 5;\n/, ""),
    want: 'Previously present field "5"',
  },
  {
    reason: "another type",
    change: (text: string) => text.replace("int64 revision = 9;", "string revision = 9;"),
    want: "changed type",
  },
  {
    reason: "a field without a comment",
    change: (text: string) => text.replace("  // Its text.\n", ""),
    want: "non-empty comment",
  },
  {
    reason: "a name that is not in the style",
    change: (text: string) => text.replace("bool deleted = 16;", "bool isDeleted = 16;"),
    want: "lower_snake_case",
  },
])("refused: $reason", async ({ change, want }) => {
  expect(change(source)).not.toBe(source);
  expect(await complaintsOf(change(source))).toContain(want);
});
