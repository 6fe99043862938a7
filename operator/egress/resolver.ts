import { Resolver } from "node:dns/promises";

/** Every address of a name; none when it has none. Throws when that can't be found out now. */
export type Resolve = (name: string) => Promise<readonly string[]>;

const TIMEOUT_MS = 2_000;
const TRIES = 2;
const MAX_ADDRESSES = 32;
const NOTHING = new Set(["ENODATA", "ENOTFOUND"]);

/**
 * Asks the cluster's DNS for the name as it is, final: no search domains, by which `web.team` would become a Service, and no
 * /etc/hosts. Not by getaddrinfo, of which a process does four at a time: a driver with slow names would keep the others waiting.
 */
export function dnsResolve(servers?: readonly string[]): Resolve {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (servers) resolver.setServers(servers);
  const ask = (question: Promise<string[]>) =>
    question.catch((error: NodeJS.ErrnoException) => {
      if (NOTHING.has(error.code ?? "")) return [];
      throw error;
    });
  return async (name) => {
    const answers = await Promise.all([ask(resolver.resolve4(name)), ask(resolver.resolve6(name))]);
    return answers.flat().slice(0, MAX_ADDRESSES);
  };
}
