// Recserve for Node.js: stock gRPC over the repository's own protos; nothing is generated.
"use strict";

const { join } = require("node:path");
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const { explained } = require("./errors");

const PROTOS = join(__dirname, "../../../protos");
const SERVICES = ["recommendation", "event", "search", "status"];
// The same retries as the Python client's: UNAVAILABLE and CANCELLED, with a limit on how many.
const SERVICE_CONFIG = require("../src/recserve/client/service_config.json");
const DEADLINE_MS = 1000;

const definition = loader.loadSync(
  SERVICES.map((name) => `recserve/v1/${name}_service.proto`),
  { includeDirs: [PROTOS], keepCase: true, longs: String, enums: String, arrays: true },
);
const services = grpc.loadPackageDefinition(definition).recserve.v1;

/**
 * A client of all services.
 *
 * @param {string} endpoint host:port, or dns:///name:port for several addresses
 * @param {grpc.ChannelCredentials} credentials grpc.credentials.createSsl(...), or createInsecure()
 *     on a trusted network
 * @returns methods `Recommend`, `Rank`, `SimilarItems`, `Search`, `Suggest`, `RecordEvents` and `GetStatus`, each from a
 *     request to a promise of its response; `StreamEvents()`, a duplex stream of gRPC's; `close()`
 */
function connect(endpoint, credentials) {
  const options = { "grpc.service_config": JSON.stringify(SERVICE_CONFIG) };
  const stubs = Object.values(services)
    .filter((one) => one.service)
    .map((Stub) => new Stub(endpoint, credentials, options));
  const client = { close: () => stubs.forEach((stub) => stub.close()) };
  for (const stub of stubs) {
    for (const { path, requestStream } of Object.values(stub.constructor.service)) {
      const name = path.split("/").pop();
      client[name] = requestStream ? () => stub[name]() : calling(stub, name);
    }
  }
  return client;
}

/** A promise instead of a callback, with a deadline on every call. */
function calling(stub, name) {
  return (request, { deadlineMs = DEADLINE_MS } = {}) =>
    new Promise((resolve, reject) => {
      const deadline = new Date(Date.now() + deadlineMs);
      stub[name](request, { deadline }, (error, response) => {
        if (error) reject(explained(error));
        else resolve(response);
      });
    });
}

module.exports = { connect, credentials: grpc.credentials, status: grpc.status };
