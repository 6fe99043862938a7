import type { DriverSpec } from "@vextir/api";
import { type Excess, listed } from "../violation.ts";
import { sideContainers } from "./pod-template.ts";

/** Whether an image is meant by a bound: `*` stands for a part of a name without `/`, `**` for anything. */
export function meansImage(bound: string, image: string): boolean {
  const pattern = bound
    .split("**")
    .map((some) => some.split("*").map(literally).join("[^/]*"))
    .join(".*");
  return new RegExp(`^${pattern}$`, "s").test(image);
}

const literally = (text: string) => text.replace(/[^A-Za-z0-9]/g, "\\$&");

/** Images of the pods that the release doesn't bring. */
export function foreignImages(spec: DriverSpec, release: string): { field: string; image: string }[] {
  const images = [
    { field: "spec.image", image: spec.image },
    ...sideContainers(spec.podTemplate).map(({ path, container }) => ({
      field: `spec.podTemplate.${path}.image`,
      image: container["image"],
    })),
  ];
  return images.flatMap(({ field, image }) =>
    typeof image === "string" && image !== release ? [{ field, image }] : [],
  );
}

export function imageExcess(
  spec: DriverSpec,
  bound: readonly string[] | undefined,
  release: string,
): Excess[] {
  if (!bound) return [];
  return foreignImages(spec, release)
    .filter(({ image }) => !bound.some((pattern) => meansImage(pattern, image)))
    .map(({ field, image }) => ({
      field,
      value: image,
      rule: "images",
      allowed: bound.length === 0 ? "the release's alone" : listed(bound),
    }));
}
