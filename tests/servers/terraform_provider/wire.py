"""The part of the protobuf wire format that the plugin protocol needs, by field number.

The messages and field numbers are those of Terraform's plugin protocol 5 (tfplugin5.proto in
Terraform's repository).
"""

import json

NESTING = {"single": 1, "list": 2, "set": 3}


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    """Encodes a field. False is protobuf's default and takes no bytes."""
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return b"" if value is False else varint(number << 3) + varint(value)


def message(*fields):
    """Encodes a message from (number, value) pairs, in the order given."""
    return b"".join(field(number, value) for number, value in fields)


def read(data):
    """Decodes the fields of a message as {number: [value, ...]}; the last value is the valid one."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        key = number()
        kind = key & 7
        if kind == 0:
            value = number()
        else:
            length = number() if kind == 2 else {1: 8, 5: 4}[kind]
            value, at = data[at : at + length], at + length
        found.setdefault(key >> 3, []).append(value)
    return found


def first(fields, number, default=b""):
    return fields.get(number, [default])[-1]


# Schemas, from the format of google-schema.json.xz: `a` has the attributes as name: [flags, type, allowed values],
# `b` the blocks as name: [nesting, minimum, maximum, block]. The flags are the initials that `attribute` tests.


def attribute(name, flags, kind, *_):
    return message(
        (1, name),
        (2, json.dumps(kind)),
        (4, "r" in flags),
        (5, "o" in flags),
        (6, "c" in flags),
        (7, "s" in flags),
        (10, "w" in flags),
    )


def block(content):
    return message(
        *((2, attribute(name, *given)) for name, given in sorted(content.get("a", {}).items())),
        *(
            (3, message((1, name), (2, block(inner)), (3, NESTING[nesting]), (4, low), (5, high)))
            for name, (nesting, low, high, inner) in sorted(content.get("b", {}).items())
        ),
    )


def schema(content):
    return message((2, block(content)))


def table(number, entries):
    """Encodes the fields of a map<string, message>."""
    return ((number, message((1, key), (2, value))) for key, value in sorted(entries.items()))


def function(parameter):
    """Encodes a function from one string to another."""
    text = json.dumps("string")
    return message((1, message((1, parameter), (2, text))), (3, message((1, text))))


CAPABILITIES = message((2, True))  # get_provider_schema_optional: Terraform may cache the schema


def provider_schema(content, functions):
    """Encodes a GetProviderSchema.Response."""
    return message(
        (1, schema(content["config"])),
        *table(2, {name: schema(b) for name, b in content["resource"].items()}),
        *table(3, {name: schema(b) for name, b in content["data"].items()}),
        (6, CAPABILITIES),
        *table(7, {name: function(parameter) for name, parameter in functions.items()}),
    )
