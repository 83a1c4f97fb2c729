"""Prepares the files of the stand-in: the encoded schema, its checks, and a certificate for its socket."""

import datetime
import json
import lzma
import zipfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers.terraform_provider import wire
from tests.servers.terraform_provider.functions import FUNCTIONS, parameter

SCHEMA = Path(__file__).with_name("google-schema.json.xz")


def checks(block):
    """Returns the checks of a block, in the format that `check` in __main__.py reads.

    They include computed attributes that must not be set: Terraform leaves that check to the provider.
    """
    attributes = {}
    for name, (flags, _, *allowed) in block.get("a", {}).items():
        if flags[0] == "c":
            attributes[name] = None
        elif allowed:
            attributes[name] = allowed[0]
    blocks = {}
    for name, (nesting, _, _, inner) in block.get("b", {}).items():
        found = checks(inner)
        if found["a"] or found["b"]:
            blocks[name] = [nesting, found]
    return {"a": attributes, "b": blocks}


def certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.key"
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "server.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))


def prepare(folder: Path) -> str:
    """Writes the files of the stand-in into `folder`. Returns the provider version of the schema."""
    schema = json.loads(lzma.decompress(SCHEMA.read_bytes()))
    name = schema["provider"]
    functions = {function: parameter(function) for function in FUNCTIONS.get(name, {})}
    (folder / f"{name}.schema").write_bytes(wire.provider_schema(schema, functions))
    tables = {mode: {kind: checks(block) for kind, block in schema[mode].items()} for mode in ("resource", "data")}
    for tree in tables["resource"].values():
        tree["a"]["id"] = None  # declared optional, but must not be set
    (folder / f"{name}.checks").write_text(json.dumps(tables, separators=(",", ":")))
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as schemas:
        for mode in ("resource", "data"):
            for kind, block in schema[mode].items():
                schemas.writestr(f"{mode}/{kind}", json.dumps(block, separators=(",", ":")))
    certificate(folder)
    return str(schema["version"])
