"""Runs the local Cloud KMS until Ctrl-C or SIGTERM."""

import argparse
import signal
from pathlib import Path

from tests.servers.kms.keyring import load_keys, save_keys
from tests.servers.kms.server import KmsServer


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m tests.servers.kms")
    arguments.add_argument("--port", type=int, default=0, help="0 means any free port")
    arguments.add_argument(
        "--key", action="append", required=True, help="projects/P/locations/L/keyRings/R/cryptoKeys/NAME"
    )
    arguments.add_argument("--signing-key", action="append", default=[], help="a signing key: EC_SIGN_P256_SHA256")
    arguments.add_argument("--state", type=Path, help="file that keeps the keys over a restart")
    arguments.add_argument("--rotate", action="store_true", help="adds a new version to each key")
    given = arguments.parse_args()
    server = KmsServer(load_keys(given.state) if given.state else {})
    for name in [*given.key, *given.signing_key]:
        if name not in server.keys:
            server.add_key(name, signing=name in given.signing_key)
        elif given.rotate:
            server.keys[name].rotate()
    if given.state:
        save_keys(given.state, server.keys)
    stop = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    with server.running(given.port):
        print(f"LITEKEEP_KMS_ENDPOINT={server.endpoint}", flush=True)
        signal.sigwait(stop)


if __name__ == "__main__":
    main()
