import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";

const root = join(import.meta.dirname, "..", "..");
const [shop = "", use = ""] = [
  ...readFileSync(join(root, "driver-runtime/README.md"), "utf8").matchAll(/^```ts\n([\s\S]*?)^```/gm),
].map((match) => match[1] ?? "");

// Within the project, so that its packages are found.
mkdirSync(join(root, ".vextir"), { recursive: true });
const folder = mkdtempSync(join(root, ".vextir", "readme-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the README's driver and its test run as they stand there", async () => {
  writeFileSync(join(folder, "shop.ts"), shop);
  writeFileSync(join(folder, "use.ts"), `${use}\nexport { accepted, count };\n`);
  const { accepted, count } = await import(join(folder, "use.ts"));
  expect(accepted.data).toMatchObject({ currency: "CHF" });
  expect(count).toBe(1);
});
