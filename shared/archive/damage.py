"""The exception for bytes that cannot be decoded."""


class Damaged(Exception):
    """Damaged bytes. The text completes a sentence that begins with the file's name; callers raise it as NotGood."""
