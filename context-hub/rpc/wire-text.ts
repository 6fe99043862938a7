import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

const MAX_DEPTH = 100;
const strict = new TextDecoder("utf-8", { fatal: true });

/** The path of the first field whose text is not UTF-8; undefined when the bytes are wrong otherwise. */
export function badText(schema: DescMessage, bytes: Uint8Array, path = "", depth = 0): string | undefined {
  if (depth > MAX_DEPTH) return undefined;
  const reader = new BinaryReader(bytes);
  try {
    while (reader.pos < reader.len) {
      const [number, type] = reader.tag();
      const field = schema.fields.find((one) => one.number === number);
      if (!field || type !== WireType.LengthDelimited) {
        reader.skip(type, number);
        continue;
      }
      const found = badField(field, reader.bytes(), path ? `${path}.${field.name}` : field.name, depth);
      if (found !== undefined) return found;
    }
  } catch {
    return undefined;
  }
  return undefined;
}

function badField(field: DescField, bytes: Uint8Array, path: string, depth: number): string | undefined {
  if (field.message) return badText(field.message, bytes, path, depth + 1);
  // A map's entry is not looked into: the map is named.
  if (field.fieldKind === "map") return path;
  return field.scalar === ScalarType.STRING && !isText(bytes) ? path : undefined;
}

function isText(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}
