/** `make bench`: every number beside a raw baseline of the same run. `npm run bench -- runtime` runs one of them. */
import { busRows } from "./bus.ts";
import { contextHubRows } from "./context-hub.ts";
import { editRows } from "./edit-to-patched.ts";
import { gatewayRows } from "./gateway.ts";
import { idleRows } from "./idle.ts";
import { keysRows } from "./keys.ts";
import { ledgerRows } from "./ledger.ts";
import { orderRows } from "./order.ts";
import { proberRows } from "./prober.ts";
import { revocationRows } from "./revocation.ts";
import { runtimeRows } from "./runtime.ts";
import { scaleRows } from "./scale.ts";
import { scalingRows } from "./scaling.ts";
import { printTable, type Row } from "./statistics.ts";

const benches: Record<string, { title: string; rows: () => Promise<Row[]> }> = {
  runtime: {
    title: "Events of 1 KiB: the driver runtime against the raw JetStream client",
    rows: runtimeRows,
  },
  operator: {
    title: "An edit of a Driver until its Deployment is patched, against a thin watch and apply",
    rows: editRows,
  },
  scale: { title: "The operator with thousands of Drivers, against a bare client", rows: scaleRows },
  bus: { title: "The bus with 5,000 drivers over 10 tenants, against creds files", rows: busRows },
  keys: {
    title: "A minute of 1,000 events a second while keys are rotated and grants edited",
    rows: keysRows,
  },
  revocation: {
    title: "What is taken away is gone, against a watch that hears of it",
    rows: revocationRows,
  },
  hub: { title: "The context hub's storage on PostgreSQL", rows: contextHubRows },
  ledger: { title: "The ledger's storage on PostgreSQL", rows: ledgerRows },
  gateway: {
    title: "PutEvent of 1 KiB: the gateway against node:http and a raw JetStream publish",
    rows: gatewayRows,
  },
  scaling: {
    title: "An event until its sleeping driver's Deployment wants a pod, against a client that patches it",
    rows: scalingRows,
  },
  prober: {
    title:
      "Events in, handled and recorded while gateway, driver, ledger, bus and database are killed in turn",
    rows: proberRows,
  },
  order: { title: "Order by key over three pods: the candidates, against no order", rows: orderRows },
  idle: { title: "A driver's process against a bare Node", rows: idleRows },
};

const chosen = process.argv.slice(2);
for (const [name, bench] of Object.entries(benches)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  process.stderr.write(`measuring ${name} …\n`);
  printTable(bench.title, await bench.rows());
}
process.exit(0);
