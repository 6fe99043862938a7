import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { DriverSpec } from "@vextir/api";
import { parseAllDocuments } from "yaml";

const root = join(import.meta.dirname, "..", "..");
const IGNORED = new Set(["node_modules", "dist", ".git", ".vextir"]);

function markdownFiles(folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (IGNORED.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return markdownFiles(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

const pages = markdownFiles().map((path) => ({
  page: relative(root, path),
  text: readFileSync(path, "utf8"),
}));
const blocks = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    (match) => match[1] ?? "",
  );

test.each(pages)("$page: every relative link leads somewhere", ({ page, text }) => {
  const links = [...text.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? "");
  const broken = links.filter((link) => !existsSync(join(root, dirname(page), link)));
  expect(broken).toEqual([]);
});

const makefile = readFileSync(join(root, "Makefile"), "utf8");
test.each(pages)("$page: every make target that it names exists", ({ text }) => {
  const named = [...text.matchAll(/`make ([a-z0-9-]+)`|^make ([a-z0-9-]+)$/gm)].map(
    (match) => match[1] ?? match[2] ?? "",
  );
  const missing = named.filter((target) => !new RegExp(`^${target}:`, "m").test(makefile));
  expect(missing).toEqual([]);
});

describe("every Driver shown in a page is a valid one", () => {
  const drivers = pages.flatMap(({ page, text }) =>
    blocks(text, "ya?ml")
      .flatMap((block) => parseAllDocuments(block).map((document) => document.toJS()))
      .filter((object) => object?.kind === "Driver")
      .map((object) => ({ page, name: object.metadata.name as string, spec: object.spec as unknown })),
  );
  test.each(drivers)("$page: $name", ({ spec }) => {
    expect(DriverSpec.safeParse(spec).error?.issues ?? []).toEqual([]);
  });
});
