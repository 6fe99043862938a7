"""A client in Python, of nothing but the contract: code generated from proto/, and grpcio.

usage: client.py <proto folder> <address> <token> <user>; prints what it saw as JSON.
"""

import importlib
import json
import sys
import tempfile
import uuid

import grpc
from grpc_tools import protoc

proto, address, token, user = sys.argv[1:5]
out = tempfile.mkdtemp(prefix="vextir-python-")
sources = ["contexthub/v1/documents.proto", "contexthub/v1/context_hub.proto", "google/rpc/error_details.proto", "google/rpc/status.proto"]
include = str(importlib.import_module("grpc_tools").__path__[0]) + "/_proto"
status = protoc.main(["protoc", f"-I{proto}", f"-I{include}", f"--python_out={out}", f"--grpc_python_out={out}", *sources])
assert status == 0, "protoc failed"
# `google` is a package of protobuf's own, which google/rpc is beside.
sys.path.insert(0, out)
importlib.import_module("google").__path__.append(f"{out}/google")
hub = importlib.import_module("contexthub.v1.context_hub_pb2")
documents = importlib.import_module("contexthub.v1.documents_pb2")
services = importlib.import_module("contexthub.v1.context_hub_pb2_grpc")
details = importlib.import_module("google.rpc.error_details_pb2")
rpc_status = importlib.import_module("google.rpc.status_pb2")

channel = grpc.insecure_channel(address)
stub = services.ContextHubServiceStub(channel)
metadata = [("authorization", f"Bearer {token}")]
call = {"metadata": metadata, "timeout": 20}


def note(**more):
    said = {"collection": f"conformance/{uuid.uuid4()}", "user": user, "title": "from Python", **more}
    return documents.DocumentInput(**said)


written = stub.CreateDocument(hub.CreateDocumentRequest(document=note(content="a python slept in the sun 🐍")), **call).written
document = stub.GetDocument(hub.GetDocumentRequest(id=written.id), **call).document
batch = stub.BatchCreate((hub.BatchCreateRequest(document=note(content=f"snake {i}")) for i in range(30)), **call)
found = stub.Search(hub.SearchRequest(query="python sun", filter=hub.Filter(users=[user])), **call)
watched = []
watch = stub.Watch(hub.WatchRequest(filter=hub.Filter(users=[user]), cursor="0"), **call)
for change in watch:
    if change.HasField("document"):
        watched.append(change.document.id)
    if len(watched) == 31:
        watch.cancel()
        break

field = None
try:
    stub.CreateDocument(hub.CreateDocumentRequest(document=note(collection="../x")), **call)
except grpc.RpcError as error:
    code = error.code().name
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for any_detail in rpc_status.Status.FromString(value).details:
                bad = details.BadRequest()
                if any_detail.Unpack(bad):
                    field = bad.field_violations[0].field

erased = stub.Erase(hub.EraseRequest(user=user), **call)
print(
    json.dumps(
        {
            "content": document.content,
            "revision": document.revision,
            "created": batch.created,
            "found": [result.document.title for result in found.results],
            "highlights": [
                result.passage.text[span.start : span.end] for result in found.results for span in result.passage.highlights
            ],
            "watched": len(set(watched)),
            "code": code,
            "field": field,
            "erased": erased.documents,
        }
    )
)
