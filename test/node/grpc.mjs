// A gRPC server of another make. Serves the methods of kinds.Echo; what it does is said by the message's text and number:
//   fail N TEXT   ends with status N and that message        head N TEXT  the same, with nothing before it
//   meta NAME     answers with that field of the request     wait         answers when the call is cancelled, or never
//   large N       answers with a text of N letters           else         answers with what it was sent
// It prints its port, then one line for each call that ends: { method, cancelled, deadline }.
// Usage: node grpc.mjs SET
import { readFileSync } from 'node:fs';
import grpc from '@grpc/grpc-js';
import { create, createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2])));
const service = registry.getService('kinds.Echo');

function define(method) {
  const bytes = (schema) => (message) => Buffer.from(toBinary(schema, message));
  const message = (schema) => (buffer) => fromBinary(schema, buffer);
  return {
    path: `/kinds.Echo/${method.name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes(method.input),
    requestDeserialize: message(method.input),
    responseSerialize: bytes(method.output),
    responseDeserialize: message(method.output),
  };
}

function serve(method) {
  return (call, answer) => {
    const [word, first, ...rest] = (call.request.aString ?? '').split(' ');
    const say = (aString) => answer(null, create(method.output, { aString }));
    call.on('cancelled', () => console.log(JSON.stringify({ method: method.name, cancelled: true })));
    switch (word) {
      case 'fail':
        call.sendMetadata(new grpc.Metadata());
        return answer({ code: Number(first), details: rest.join(' ') });
      case 'head':
        return answer({ code: Number(first), details: rest.join(' ') });
      case 'meta':
        return say(call.metadata.get(first).join());
      case 'deadline':
        return say(String(Math.round(call.getDeadline() - Date.now())));
      case 'large':
        return say('x'.repeat(Number(first)));
      case 'wait':
        return console.log(JSON.stringify({ method: method.name, waits: true }));
      default:
        return answer(null, method.input === method.output ? call.request : create(method.output));
    }
  };
}

const unary = service.methods.filter((m) => m.methodKind === 'unary');
const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
server.addService(Object.fromEntries(unary.map((m) => [m.name, define(m)])), Object.fromEntries(unary.map((m) => [m.name, serve(m)])));
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) {
    throw error;
  }
  console.log(JSON.stringify({ port }));
});
process.stdin.on('end', () => process.exit()).resume();
