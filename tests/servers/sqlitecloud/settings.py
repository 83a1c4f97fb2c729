"""The server's settings, for `LIST KEYS` and `SET KEY`. Sizes are bytes, times milliseconds."""

DEFAULTS = {
    "autocheckpoint": "1000",
    "client_timeout": "0",
    "command_maxlen": "0",
    "dbbusy_timeout": "5000",
    "dbdrop_timeout": "20000",
    "download_chunk_size": "524288",
    "insecure": "0",
    "max_chunk_size": "307200",
    "max_connections": "10000",
    "min_compression_size": "20400",
    "request_limit": str(64 << 20),
    "tls_verify_client": "0",
    "zombie_timeout": "60",
}
READ_ONLY = frozenset({"insecure", "tls_verify_client"})


class Settings(dict[str, str]):
    """Settings as text, by name. number() returns one as an integer."""

    def __init__(self) -> None:
        super().__init__(DEFAULTS)

    def number(self, name: str) -> int:
        text = self.get(name, "")
        return int(text) if text.isdigit() else int(DEFAULTS[name])
