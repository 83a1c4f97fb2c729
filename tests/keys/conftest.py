from tests.servers.kms.fixture import kms

__all__ = ["kms"]
