"""A gRPC service on loopback, for Google's libraries."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc  # type: ignore[import-untyped]

Method = tuple[Callable[..., Any], Any, Any]  # the handler, and its request and response types


@contextmanager
def serving(service: str, methods: Mapping[str, Method], *, port: int = 0, threads: int = 4) -> Iterator[str]:
    """Serves the methods of a service during the block. Yields its endpoint, HOST:PORT."""
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(answer, request.deserialize, response.serialize)
        for name, (answer, request, response) in methods.items()
    }
    with ThreadPoolExecutor(threads, thread_name_prefix="rpc") as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        endpoint = f"127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
        server.start()
        try:
            yield endpoint
        finally:
            server.stop(grace=1).wait()
