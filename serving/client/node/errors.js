// What a refused call says beyond its code: google.rpc.BadRequest and RequestInfo, from the trailer.
"use strict";

const grpc = require("@grpc/grpc-js");
const protobuf = require("protobufjs");

// As much of google/rpc/status.proto and error_details.proto as Recserve sends to be read here.
const rpc = protobuf.Root.fromJSON({
  nested: {
    Status: {
      fields: {
        code: { type: "int32", id: 1 },
        message: { type: "string", id: 2 },
        details: { rule: "repeated", type: "Any", id: 3 },
      },
    },
    Any: { fields: { type_url: { type: "string", id: 1 }, value: { type: "bytes", id: 2 } } },
    BadRequest: {
      fields: { field_violations: { rule: "repeated", type: "FieldViolation", id: 1 } },
      nested: {
        FieldViolation: {
          fields: { field: { type: "string", id: 1 }, description: { type: "string", id: 2 } },
        },
      },
    },
    RequestInfo: { fields: { request_id: { type: "string", id: 1 } } },
  },
});
const KINDS = {
  "type.googleapis.com/google.rpc.BadRequest": "BadRequest",
  "type.googleapis.com/google.rpc.RequestInfo": "RequestInfo",
};

/** A call that was refused; `violations` name each field and its limit. */
class CallError extends Error {
  constructor(error, details) {
    super(error.details, { cause: error });
    this.name = "CallError";
    this.code = error.code;
    this.codeName = grpc.status[error.code];
    this.violations = details.BadRequest?.field_violations ?? [];
    this.requestId = details.RequestInfo?.request_id;
  }
}

/** The gRPC error with its details read. */
function explained(error) {
  const [packed] = error.metadata?.get("grpc-status-details-bin") ?? [];
  if (!packed) return new CallError(error, {});
  const found = {};
  for (const { type_url: url, value } of rpc.lookupType("Status").decode(packed).details) {
    if (url in KINDS) found[KINDS[url]] = rpc.lookupType(KINDS[url]).decode(value);
  }
  return new CallError(error, found);
}

/** What is wrong, and each field with its limit, on standard error. */
function tell(error) {
  console.error(`${error.codeName ?? error.name}: ${error.message}`);
  for (const { field, description } of error.violations ?? []) {
    console.error(`  ${field}: ${description}`);
  }
}

module.exports = { CallError, explained, tell };
