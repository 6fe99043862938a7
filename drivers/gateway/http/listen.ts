import type { FastifyInstance } from "fastify";

/** All addresses: by both protocols where the machine has both. */
export const ALL_HOSTS = ["::", "0.0.0.0"];

/** Listens on the first host that the machine has. */
export async function listen(
  server: FastifyInstance,
  port: number,
  hosts: readonly string[],
): Promise<string> {
  const [host, ...others] = hosts;
  try {
    return await server.listen({ port, ...(host !== undefined && { host }) });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (others.length === 0 || (code !== "EAFNOSUPPORT" && code !== "EADDRNOTAVAIL")) throw error;
    return listen(server, port, others);
  }
}
