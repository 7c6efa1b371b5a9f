// What another implementation makes of messages. Reads a file of lines { type, json } or { type, hex }, each a message as JSON or as
// bytes in hex, and prints for all of them one JSON list: { hex, json }, or { error }.
// Usage: node protobuf.mjs SET LINES, where SET is a file that protoc --descriptor_set_out made.
import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2])));

function answer({ type, json, hex }) {
  try {
    const schema = registry.getMessage(type);
    const message = hex === undefined ? fromJson(schema, json, { registry }) : fromBinary(schema, Buffer.from(hex, 'hex'));
    return {
      hex: Buffer.from(toBinary(schema, message)).toString('hex'),
      json: JSON.stringify(toJson(schema, message, { registry, alwaysEmitImplicit: true })),
    };
  } catch (e) {
    return { error: String(e.message ?? e) };
  }
}

const lines = readFileSync(process.argv[3], 'utf8').split('\n').filter((line) => line.length > 0);
console.log(JSON.stringify(lines.map((line) => answer(JSON.parse(line)))));
