/** `npx node drivers/gateway/testing/fuzz.ts [inputs]`: so many inputs (default 1,050,000) over all parsers of what strangers send. */
import { fuzz, parsers } from "./parsers.ts";

const total = Number(process.argv[2] ?? 1_050_000);
const names = Object.keys(parsers);
for (const name of names) {
  const { taken, refused } = fuzz(name, Math.ceil(total / names.length));
  console.log(`${name.padEnd(12)} taken ${taken}, refused ${refused}`);
}
