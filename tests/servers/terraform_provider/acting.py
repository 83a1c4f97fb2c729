"""The stand-in with STAND_IN_ACTS=1: plans, applies, reads and imports, with only Terraform's state behind it.

It does not simulate Google Cloud: it accepts every value, makes up computed attributes of the right type, and keeps no
state of its own. Like the provider, it refuses to destroy a protected job or a bucket whose deletion is prevented.
"""

import json
import zipfile
from functools import cache
from pathlib import Path

import msgpack

from tests.servers.terraform_provider import wire

UNKNOWN = msgpack.ExtType(0, b"\x00")
NUMBER = "123456789012"
# Computed attributes whose format other resources rely on, made of the resource's own attributes.
_COMPUTED = {
    "google_kms_key_ring": {"id": "projects/{project}/locations/{location}/keyRings/{name}"},
    "google_kms_crypto_key": {"id": "{key_ring}/cryptoKeys/{name}"},
    "google_service_account": {
        "email": "{account_id}@{project}.iam.gserviceaccount.com",
        "member": "serviceAccount:{account_id}@{project}.iam.gserviceaccount.com",
    },
    "google_secret_manager_secret": {"id": "projects/{project}/secrets/{secret_id}"},
    "google_project_iam_custom_role": {"id": "projects/{project}/roles/{role_id}"},
    "google_logging_project_bucket_config": {"id": "{project}/locations/{location}/buckets/{bucket_id}"},
    "google_project": {"number": NUMBER},
    "google_storage_project_service_account": {
        "email_address": f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com",
        "member": f"serviceAccount:service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com",
    },
}


def unpack(dynamic):
    return msgpack.unpackb(wire.first(wire.read(dynamic), 1), raw=False, strict_map_key=False)


def pack(value):
    return wire.message((1, msgpack.packb(value)))


class Acting:
    """The calls that act. `error` makes a diagnostic."""

    def __init__(self, schemas: Path, error):
        self._schemas = schemas
        self._error = error

    def methods(self):
        return {
            "ReadResource": self.read,
            "PlanResourceChange": self.plan,
            "ApplyResourceChange": self.apply,
            "ImportResourceState": self.import_state,
            "ReadDataSource": self.read_data,
        }

    def read(self, request):
        return wire.message((1, wire.first(wire.read(request), 2)))

    def plan(self, request):
        fields = wire.read(request)
        kind, proposed = wire.first(fields, 1).decode(), unpack(wire.first(fields, 3))
        prior = unpack(wire.first(fields, 2))
        if proposed is not None and prior is None:
            fill(self._schema("resource", kind), proposed, lambda name, of: UNKNOWN)
        return wire.message((1, pack(proposed)), (5, True))

    def apply(self, request):
        fields = wire.read(request)
        kind, planned = wire.first(fields, 1).decode(), unpack(wire.first(fields, 3))
        prior = unpack(wire.first(fields, 2))
        if planned is None:
            if prior.get("deletion_protection") is True or prior.get("deletion_policy") == "PREVENT":
                refusal = self._error(f"cannot destroy {kind} without setting deletion_protection=false", "")
                return wire.message((1, pack(prior)), (3, refusal))
            return wire.message((1, pack(None)))
        self._fill("resource", kind, planned)
        return wire.message((1, pack(planned)), (4, True))

    def import_state(self, request):
        fields = wire.read(request)
        kind, name = wire.first(fields, 1), wire.first(fields, 2).decode()
        state = empty(self._schema("resource", kind.decode())) | {"id": name}
        return wire.message((1, wire.message((1, kind), (2, pack(state)))))

    def read_data(self, request):
        fields = wire.read(request)
        kind, config = wire.first(fields, 1).decode(), unpack(wire.first(fields, 2))
        self._fill("data", kind, config)
        return wire.message((1, pack(config)))

    def _fill(self, mode, kind, value):
        computed = _COMPUTED.get(kind, {})
        given = {name: text for name, text in value.items() if isinstance(text, str)}

        def made_up(name, of):
            if name in computed:
                return computed[name].format_map(given)
            if of == "string":
                own = given.get("name") or given.get("secret_id") or given.get("account_id") or kind
                return f"{own}-{name}" if name != "id" else f"{kind}/{own}"
            return {"number": 0, "bool": False}.get(of) if isinstance(of, str) else {} if of[0] == "map" else []

        fill(self._schema(mode, kind), value, made_up)

    @cache  # noqa: B019 - one instance per process
    def _schema(self, mode, kind):
        with zipfile.ZipFile(self._schemas) as schemas:
            return json.loads(schemas.read(f"{mode}/{kind}"))


def fill(block, value, made_up):
    """Sets each computed attribute that has no value or an unknown one."""
    for name, (flags, of, *_) in block.get("a", {}).items():
        if isinstance(value.get(name), msgpack.ExtType) or (value.get(name) is None and "c" in flags):
            value[name] = made_up(name, of)
    for name, (_, _, _, inner) in block.get("b", {}).items():
        items = value.get(name)
        for item in items if isinstance(items, list) else [items]:
            if isinstance(item, dict):
                fill(inner, item, made_up)


def empty(block):
    attributes = dict.fromkeys(block.get("a", {}))
    return attributes | {name: None if about[0] == "single" else [] for name, about in block.get("b", {}).items()}
