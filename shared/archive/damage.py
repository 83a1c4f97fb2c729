"""What decoding says of bytes that are not what they should be."""


class Damaged(Exception):
    """Its text ends a sentence that begins with the file's name; who knows that name makes it a NotGood."""
