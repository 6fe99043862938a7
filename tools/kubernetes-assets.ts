import { access, copyFile, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache.ts";
import { isProgram, run } from "./command.ts";
import { go, goBuild } from "./go.ts";
import { step } from "./progress.ts";
import { ToolError } from "./tool-error.ts";
import { versions } from "./versions.ts";

export interface KubernetesAssets {
  etcd: string;
  kubeApiserver: string;
  kubectl: string;
}

const NAMES = ["etcd", "kube-apiserver", "kubectl"] as const;
const FOLDER = `kubernetes-${versions.kubernetes}`;
/** The archive's tool is compiled first, and its downloads hang where there is no way out. */
const ARCHIVE_TIMEOUT_MS = 120_000;

/**
 * A control plane for tests: `KUBEBUILDER_ASSETS`, the cache, the envtest archive, else built from pinned Go modules.
 *
 * @throws ToolError `Unusable` when the folder of `KUBEBUILDER_ASSETS` lacks a program; `Failed` when the build does.
 */
export async function kubernetesAssets(): Promise<KubernetesAssets> {
  const named = process.env["KUBEBUILDER_ASSETS"];
  const paths = named ? usable(named) : await fetch();
  const [etcd, kubeApiserver, kubectl] = paths as [string, string, string];
  return { etcd, kubeApiserver, kubectl };
}

function usable(folder: string): string[] {
  const paths = NAMES.map((name) => join(folder, name));
  const absent = paths.find((path) => !isProgram(path));
  if (absent)
    throw new ToolError("Unusable", `KUBEBUILDER_ASSETS names ${folder}, but ${absent} is no program`);
  return paths;
}

/** One build per program, so that a build that was broken off is continued. */
async function fetch(): Promise<string[]> {
  const archive = archiveOnce();
  const paths: string[] = [];
  for (const name of NAMES) {
    const [path] = await cached(FOLDER, [name], async (into) => {
      const unpacked = await archive();
      await (unpacked ? copyFile(join(unpacked, name), join(into, name)) : build(name, into));
    });
    paths.push(path as string);
  }
  return paths;
}

/** Folder of the unpacked envtest archive, tried once; undefined where it can't be had. */
function archiveOnce(): () => Promise<string | undefined> {
  let tried: Promise<string | undefined> | undefined;
  return () => {
    tried ??= fromArchive().catch(() => undefined);
    return tried;
  };
}

async function fromArchive(): Promise<string> {
  const [folder] = await cached(`envtest-${versions.kubernetes}`, ["assets"], (into) =>
    step("downloading a Kubernetes control plane", async () => {
      const minor = versions.kubernetes.split(".").slice(0, 2).join(".");
      const tool = `sigs.k8s.io/controller-runtime/tools/setup-envtest@v${versions.setupEnvtest}`;
      const args = ["run", tool, "use", `${minor}.x`, "--bin-dir", join(into, "download"), "--print", "path"];
      const options = { cwd: into, env: { GOFLAGS: "-mod=mod" }, timeoutMs: ARCHIVE_TIMEOUT_MS };
      const unpacked = (await run(await go(), args, options)).trim();
      await Promise.all(NAMES.map((name) => access(join(unpacked, name))));
      await rename(unpacked, join(into, "assets"));
    }),
  );
  return folder as string;
}

async function build(name: (typeof NAMES)[number], into: string): Promise<void> {
  await step(`building ${name} (minutes on a small machine, and only once)`, () =>
    name === "etcd" ? buildEtcd(into) : buildKubernetes(name, into),
  );
}

const buildEtcd = (into: string) => {
  const module = "go.etcd.io/etcd/server/v3";
  return goBuild({ name: "etcd", module, version: versions.etcd, package: module }, into);
};

async function buildKubernetes(name: string, into: string): Promise<void> {
  const [major, minor] = versions.kubernetes.split(".");
  const component = "k8s.io/component-base/version";
  await goBuild(
    {
      name,
      module: "k8s.io/kubernetes",
      version: versions.kubernetes,
      package: `k8s.io/kubernetes/cmd/${name}`,
      modLines: await stagingReplacements(),
      ldflags:
        `-X ${component}.gitVersion=v${versions.kubernetes} -X ${component}.gitMajor=${major} ` +
        `-X ${component}.gitMinor=${minor}`,
    },
    into,
  );
}

/** Kubernetes' go.mod points at its own staging folders, which a module that requires it has to name itself. */
async function stagingReplacements(): Promise<string[]> {
  const target = `k8s.io/kubernetes@v${versions.kubernetes}`;
  const options = { env: { GOFLAGS: "-mod=mod", GOWORK: "off" } };
  const downloaded = JSON.parse(await run(await go(), ["mod", "download", "-json", target], options)) as {
    GoMod: string;
  };
  const text = await readFile(downloaded.GoMod, "utf8");
  const staged = new Set(
    [...text.matchAll(/(k8s\.io\/[a-z0-9-]+) => \.\/staging/g)].map(([, module]) => module),
  );
  return [...staged].map((module) => `replace ${module} => ${module} v0.${versions.kubernetes.slice(2)}`);
}
