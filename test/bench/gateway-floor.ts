// The baseline: `node:http` and the raw `@nats-io/jetstream` client in the bus account itself. It checks nothing and knows nobody.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { jetstream } from "@nats-io/jetstream";
import { connect, jwtAuthenticator } from "@nats-io/transport-node";

const { BENCH_URL: url, BENCH_JWT: jwt = "", BENCH_SEED: seed = "" } = process.env;
const connection = await connect({
  servers: url as string,
  authenticator: jwtAuthenticator(jwt, new TextEncoder().encode(seed)),
});
const js = jetstream(connection);
let published = 0;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    js.publish(`evt.bench.${published++ % 64}.bench.event`, Buffer.concat(chunks), {
      msgID: randomUUID(),
    }).then(
      ({ seq }) => {
        const body = JSON.stringify({ seq });
        response
          .writeHead(202, { "content-type": "application/json", "content-length": body.length })
          .end(body);
      },
      () => response.writeHead(503, { "content-length": 0 }).end(),
    );
  });
});
server.listen(0, "127.0.0.1", () =>
  process.stdout.write(`LISTENING ${(server.address() as AddressInfo).port}\n`),
);
