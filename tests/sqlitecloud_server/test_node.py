"""The platform's JavaScript driver works with the server. Needs Node.js and the installed driver."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers.sqlitecloud import APIKEY, Server

HERE = Path(__file__).parent / "node"
DRIVER = HERE / "node_modules" / "@sqlitecloud" / "drivers"
NODE = shutil.which("node")


@pytest.mark.skipif(not (NODE and DRIVER.exists()), reason="needs Node.js and tests/sqlitecloud_server/node/install")
def test_javascript_driver_reads_and_writes(secure: Server) -> None:
    assert NODE is not None
    command = [NODE, str(HERE / "smoke.cjs"), "localhost", str(secure.port), APIKEY, str(DRIVER)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    assert seen["rows"] == [{"id": 1, "n": "a"}, {"id": 2, "n": None}]
    assert seen["bound"] == [{"a": "it's", "b": 42}]
    assert seen["written"] | {"lastID": 3, "changes": 1, "totalChanges": 1} == seen["written"]
    assert seen["back"] == [{"n": "from node"}]
    assert (seen["chunked"], seen["compressed"], seen["many"]) == (147, 147, 40000)
    assert (seen["float"], seen["command"]) == (3.1415926, "PING")
    assert seen["error"] == {"message": "no such column: nope", "errorCode": "1"}
    assert seen["unknown"] == {"message": "Unable to find command SET BOGUS STATEMENT TO 1;", "errorCode": "10002"}
    assert seen["named"] == [{"n": 3}]
    assert seen["refused"]["errorCode"] == "10004"
