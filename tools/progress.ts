/** Runs a step that may take long, with a line on standard error when it begins and when it ends. */
export async function step<T>(what: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  process.stderr.write(`vextir: ${what} …\n`);
  const ended = (outcome: string) =>
    process.stderr.write(
      `vextir: ${what}: ${outcome} after ${((performance.now() - began) / 1000).toFixed(1)} s\n`,
    );
  try {
    const result = await work();
    ended("done");
    return result;
  } catch (error) {
    ended("failed");
    throw error;
  }
}
