"""
Calls loms of a running mesh over gRPC as a Python program does, by grpcio. It has no .proto file: it reads the descriptors by
reflection. It puts 100 of its own goods on sale, and creates three orders, which it pays or cancels. It fails at the first deviation.

    python3 -m venv /tmp/grpcio && /tmp/grpcio/bin/pip install grpcio grpcio-reflection protobuf
    make run-all
    /tmp/grpcio/bin/python testing/by-hand/grpcio_peer.py [127.0.0.1:9081]
"""

import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

TARGET = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9081"
LOMS = "ordermesh.loms.v1.LomsService"
USER = 2**62 + 1  # No double holds it.
SKU, WAREHOUSE = 4_294_000_001, 7
PAYED = 4
TIMEOUT_S = 10

channel = grpc.insecure_channel(TARGET)
reflection = ProtoReflectionDescriptorDatabase(channel)
pool = descriptor_pool.DescriptorPool(reflection)


def message(name):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def method(service, name):
    """The call of a method, and the class of its params."""
    found = pool.FindServiceByName(service).FindMethodByName(name)
    request, response = (message_factory.GetMessageClass(kind) for kind in (found.input_type, found.output_type))
    kind = channel.unary_stream if found.server_streaming else channel.unary_unary
    path = f"/{service}/{name}"
    return kind(path, request.SerializeToString, response.FromString), request


def call(name, timeout=TIMEOUT_S, service=LOMS, metadata=(), compression=None, **params):
    stub, request = method(service, name)
    return stub(request(**params), timeout=timeout, metadata=metadata, compression=compression)


def failure(attempt):
    try:
        attempt()
    except grpc.RpcError as error:
        return error
    raise AssertionError("a call has succeeded that has to fail")


def details(error):
    """The details of an error by the names of their messages."""
    packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
    status = message("google.rpc.Status").FromString(packed)
    kinds = {detail.type_url.rpartition("/")[2]: detail.value for detail in status.details}
    return {name: message(name).FromString(value) for name, value in kinds.items()}


def check(title, actual, expected):
    if actual != expected:
        raise AssertionError(f"{title}: {actual!r} instead of {expected!r}")
    print("ok  ", title)


def key():
    return str(uuid.uuid4())


health, request = method("grpc.health.v1.Health", "Check")
check("health is SERVING", health(request(service=LOMS), timeout=TIMEOUT_S).status, 1)
check("reflection lists the service", LOMS in reflection.get_services(), True)

item = {"sku": SKU, "count": 2}
call("AdjustStock", sku=SKU, warehouse_id=WAREHOUSE, delta=100, idempotency_key=key())
idempotency_key = key()
order = call("CreateOrder", user=USER, items=[item], idempotency_key=idempotency_key).order_id
again = call("CreateOrder", user=USER, items=[item], metadata=[("idempotency-key", f'"{idempotency_key}"')]).order_id
check("an idempotency key in a header gets the same order", again, order)
shown = call("ListOrder", order_id=order)
check("64-bit numbers are exact", (shown.user, [(i.sku, i.count) for i in shown.items]), (USER, [(SKU, 2)]))

changes = []
watching = call("WatchOrder", order_id=order)
reader = threading.Thread(target=lambda: changes.extend(watching))
reader.start()
call("OrderPayed", order_id=order)
reader.join(TIMEOUT_S)
seqs = [change.seq for change in changes]
check("a stream ends behind the final status", (watching.code(), changes[-1].status), (grpc.StatusCode.OK, PAYED))
check("a stream has each change once", seqs, sorted(set(seqs)))

second = call("CreateOrder", user=USER, items=[item], compression=grpc.Compression.Gzip).order_id
check("messages may be compressed by gzip", second > 0, True)
call("CancelOrder", order_id=second)

missing = failure(lambda: call("CreateOrder", user=USER, items=[{"sku": SKU, "count": 65_535}]))
found = details(missing)
check("out_of_stock is FAILED_PRECONDITION", missing.code(), grpc.StatusCode.FAILED_PRECONDITION)
check("its reason is in ErrorInfo", found["google.rpc.ErrorInfo"].reason, "OUT_OF_STOCK")
shortage = found["ordermesh.loms.v1.OutOfStockDetails"].shortages[0]
check("its details are typed", (shortage.sku, shortage.requested), (SKU, 65_535))

invalid = failure(lambda: call("CreateOrder", user=USER, items=[]))
violations = [violation.field for violation in details(invalid)["google.rpc.BadRequest"].field_violations]
check("invalid params are INVALID_ARGUMENT and named", (invalid.code(), violations), (grpc.StatusCode.INVALID_ARGUMENT, ["items"]))
absent = failure(lambda: call("GetOrder", order_id=2**62))
check("an unknown order is NOT_FOUND", absent.code(), grpc.StatusCode.NOT_FOUND)
nothing = channel.unary_unary(f"/{LOMS}/Nothing", bytes, bytes)
unknown = failure(lambda: nothing(b"", timeout=TIMEOUT_S))
check("an unknown method is UNIMPLEMENTED", unknown.code(), grpc.StatusCode.UNIMPLEMENTED)

third = call("CreateOrder", user=USER, items=[item]).order_id
late = failure(lambda: list(call("WatchOrder", timeout=0.3, order_id=third)))
check("a stream ends at its deadline", late.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
call("CancelOrder", order_id=third)

with ThreadPoolExecutor(20) as threads:
    counts = list(threads.map(lambda _: len(call("Stocks", sku=SKU).stocks), range(500)))
check("500 calls, 20 at a time, on one connection", set(counts), {1})
