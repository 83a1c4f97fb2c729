"""A local replacement of Identity-Aware Proxy: signs its tokens and publishes its keys."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from console.iap import ISSUER

AUDIENCE = "/projects/123456789/locations/europe-west1/services/litekeep-console"


class Issuer:
    """Signs tokens for any person. `kid`: the id of the newest key."""

    def __init__(self) -> None:
        self.keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.fetched = 0
        self.rotate()

    def rotate(self) -> None:
        self.kid = f"key-{len(self.keys)}"
        self.keys[self.kid] = ec.generate_private_key(ec.SECP256R1())

    def claims(self, email: str, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        usual = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 600,
            "sub": f"accounts.google.com:{email}",
            "email": email,
        }
        return {name: value for name, value in (usual | changes).items() if value is not None}

    def token(self, email: str = "ana@example.com", **changes: Any) -> str:
        """Returns a token like IAP's, with some claims changed; a claim that is None is left out."""
        return jwt.encode(self.claims(email, **changes), self.keys[self.kid], "ES256", headers={"kid": self.kid})

    def published(self) -> dict[str, Any]:
        keys = [
            json.loads(ECAlgorithm.to_jwk(key.public_key())) | {"kid": kid, "alg": "ES256", "use": "sig"}
            for kid, key in self.keys.items()
        ]
        return {"keys": keys}


@contextmanager
def publishing(issuer: Issuer) -> Iterator[int]:
    """Publishes the issuer's public keys during the block; yields the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.fetched += 1
            content = json.dumps(issuer.published()).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
