"""`python -m tests.servers.terraform_provider NAME FOLDER`: serves the files that `prepare.py` wrote into FOLDER.

Terraform starts it like any provider, with plugin protocol 5. It serves the calls of `init`, `validate` and `test` with
mock providers, and refuses those that need the real provider, unless STAND_IN_ACTS=1 (`acting.py`). It listens on a
unix socket only.
"""

import json
import os
import signal
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import msgpack

from tests.servers.terraform_provider import wire
from tests.servers.terraform_provider.acting import Acting
from tests.servers.terraform_provider.functions import FUNCTIONS

HERE = Path(sys.argv[2]) if len(sys.argv) > 2 else Path()
COOKIE = ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")


def error(summary, detail, path=()):
    """Encodes a Diagnostic. `path` consists of attribute names and list indexes."""
    steps = [(1, wire.message((1, step) if isinstance(step, str) else (3, step))) for step in path]
    return wire.message((1, 1), (2, summary), (3, detail), (4, wire.message(*steps)))


def decode(dynamic):
    """Decodes a DynamicValue. Unknown values become ExtType, which the checks skip."""
    return msgpack.unpackb(wire.first(wire.read(dynamic), 1), raw=False, strict_map_key=False)


def check(tree, value, path=()):
    """Yields diagnostics for an object. `tree` is the tree of checks that prepare.py wrote."""
    for name, allowed in tree["a"].items():
        given = value.get(name)
        if allowed is None:
            if given is not None:
                yield error(
                    "Value for unconfigurable attribute",
                    f'Can\'t configure a value for "{name}": its value will be decided '
                    "automatically based on the result of applying this configuration.",
                    (*path, name),
                )
            continue
        for text in given if isinstance(given, list) else [given]:
            if isinstance(text, str) and text and text not in allowed:
                yield error(f"expected {name} to be one of {json.dumps(allowed)}, got {text}", "", (*path, name))
    for name, (nesting, inner) in tree["b"].items():
        given = value.get(name)
        for index, item in enumerate(given if isinstance(given, list) else [given]):
            if isinstance(item, dict):
                # The elements of a set have no address of their own.
                at = (*path, name, index) if nesting == "list" else (*path, name)
                yield from check(inner, item, at)


class Provider:
    """The provider's calls. Each method takes and returns an encoded message."""

    def __init__(self, name):
        self.name = name
        self.functions = FUNCTIONS.get(name, {})
        self.checks = None

    def get_schema(self, _):
        return (HERE / f"{self.name}.schema").read_bytes()

    def get_functions(self, _):
        return b""  # they are part of the schema

    def call_function(self, request):
        fields = wire.read(request)
        name = wire.first(fields, 1).decode()
        argument = decode(wire.first(fields, 2))
        result = self.functions[name](argument)
        if result is None:
            text = f'The input string "{argument}" is not of the form that {name} takes.'
            return wire.message((2, wire.message((1, text), (2, 0))))
        return wire.message((1, wire.message((1, msgpack.packb(result)))))

    def prepare_config(self, request):
        return wire.message((1, wire.first(wire.read(request), 1)))

    def validate(self, mode):
        def answer(request):
            if self.checks is None:
                self.checks = json.loads((HERE / f"{self.name}.checks").read_text())
            fields = wire.read(request)
            tree = self.checks[mode][wire.first(fields, 1).decode()]
            found = check(tree, decode(wire.first(fields, 2)))
            return wire.message(*((1, diagnostic) for diagnostic in found))

        return answer

    def upgrade_state(self, request):
        raw = wire.first(wire.read(request), 3)
        return wire.message((1, wire.message((2, wire.first(wire.read(raw), 1)))))

    def refuse(self, number):
        """Returns a method that refuses the call. `number` is the field of diagnostics in its response."""

        def answer(_):
            return wire.message(
                (
                    number,
                    error(
                        "This is a schema stand-in, not the real provider",
                        f"The stand-in for hashicorp/{self.name} only checks configuration: it cannot "
                        'plan, read, import or apply anything.  Use "terraform validate", or '
                        f'"terraform test" with mock_provider "{self.name}" {{}}; for anything '
                        "else, install the real provider.",
                    ),
                )
            )

        return answer

    def methods(self):
        def nothing(_):
            return b""

        calls = {
            "GetSchema": self.get_schema,
            "GetFunctions": self.get_functions,
            "CallFunction": self.call_function,
            "PrepareProviderConfig": self.prepare_config,
            "ValidateResourceTypeConfig": self.validate("resource"),
            "ValidateDataSourceConfig": self.validate("data"),
            "UpgradeResourceState": self.upgrade_state,
            "Configure": nothing,
            "Stop": nothing,
            "ReadResource": self.refuse(2),
            "PlanResourceChange": self.refuse(4),
            "ApplyResourceChange": self.refuse(3),
            "ImportResourceState": self.refuse(2),
            "MoveResourceState": self.refuse(2),
            "ReadDataSource": self.refuse(2),
        }
        if os.environ.get("STAND_IN_ACTS"):
            calls |= Acting(HERE / f"{self.name}.zip", error).methods()
        return {f"/tfplugin5.Provider/{name}": call for name, call in calls.items()} | {
            "/plugin.GRPCController/Shutdown": nothing,
            "/grpc.health.v1.Health/Check": lambda _: wire.message((1, 1)),
        }


class Methods(grpc.GenericRpcHandler):
    """Passes each call to its method, with messages as bytes."""

    def __init__(self, methods, finished):
        self.methods, self.finished = methods, finished

    def service(self, details):
        call = self.methods.get(details.method)
        if call is None:
            return None

        def answer(request, context):
            if details.method.endswith("/Shutdown"):
                context.add_callback(self.finished.set)
            return call(request)

        return grpc.unary_unary_rpc_method_handler(answer)


def listen(server, folder):
    """Opens the socket and returns the handshake line for Terraform."""
    address = f"unix:{folder}/plugin.sock"
    if "PLUGIN_CLIENT_CERT" not in os.environ:
        server.add_insecure_port(address)
        return f"1|5|unix|{folder}/plugin.sock|grpc"
    # Terraform trusts the certificate in this line. Its own client certificate is not used: the gRPC
    # library's TLS does not support its key type (P-521).
    key, certificate = ((HERE / f"server.{part}").read_bytes() for part in ("key", "crt"))
    server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))
    body = b"".join(certificate.split(b"-----")[2].split())
    return f"1|5|unix|{folder}/plugin.sock|grpc|{body.decode().rstrip('=')}"


def watch_parent(finished):
    """Stops the provider when Terraform has ended in any way."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(2)
    finished.set()


def main():
    if os.environ.get(COOKIE[0]) != COOKIE[1]:
        raise SystemExit("This is a Terraform plugin: Terraform starts it.")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Terraform handles it
    finished = threading.Event()
    base = os.environ.get("PLUGIN_UNIX_SOCKET_DIR") or tempfile.gettempdir()
    if len(base) > 70:  # the path of a unix socket is limited to about 100 bytes
        base = "/tmp"
    with tempfile.TemporaryDirectory(prefix="tf-", dir=base) as folder:
        server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.max_receive_message_length", -1)])
        server.add_generic_rpc_handlers([Methods(Provider(sys.argv[1]).methods(), finished)])
        handshake = listen(server, folder)
        server.start()
        print(handshake, flush=True)
        threading.Thread(target=watch_parent, args=(finished,), daemon=True).start()
        finished.wait()
    os._exit(0)  # no need to wait for the server's threads


if __name__ == "__main__":
    main()
