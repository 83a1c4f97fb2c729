"""Certificates for localhost, valid and invalid ones, made on demand."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES: list[x509.GeneralName] = [x509.DNSName("localhost")]
NAMES += [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
ELSEWHERE: list[x509.GeneralName] = [x509.DNSName("elsewhere.example")]


@dataclass(frozen=True)
class Issuer:
    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


class Certificates:
    """An authority in `folder` (its certificate: `ca`) and the server certificates it issues."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob("*.pem"):
            stale.unlink()  # issued by the authority of an earlier run, whose key is lost
        self._folder = folder
        self._issuer = _authority("sqlitecloud test authority")
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self._issuer.certificate.public_bytes(serialization.Encoding.PEM))

    def make(self, kind: str = "good") -> tuple[Path, Path]:
        """Returns the certificate and key files of a kind: `good`, `expired`, `wrong-host` or `unknown-ca`."""
        certificate, key = self._folder / f"{kind}.pem", self._folder / f"{kind}.key"
        if not certificate.exists():
            issuer = _authority("some other authority") if kind == "unknown-ca" else self._issuer
            names = ELSEWHERE if kind == "wrong-host" else NAMES
            _issue(issuer, names, certificate, key, expired=kind == "expired")
        return certificate, key


def context(certificate: Path, key: Path, maximum: str | None) -> ssl.SSLContext:
    """Returns a server context for TLS 1.2 and 1.3, up to `maximum` if given."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if maximum is not None:
        made.maximum_version = ssl.TLSVersion[f"TLSv{maximum.replace('.', '_')}"]
    made.load_cert_chain(certificate, key)
    return made


def _authority(title: str) -> Issuer:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])
    key = ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    now = datetime.now(UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=9)).not_valid_after(now + timedelta(days=365))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True).add_extension(identifier, critical=False)
    return Issuer(name, key, builder.sign(key, hashes.SHA256()))


def _issue(issuer: Issuer, names: list[x509.GeneralName], certificate: Path, key_file: Path, *, expired: bool) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    end = datetime.now(UTC) + timedelta(days=-1 if expired else 300)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sqlitecloud test server")])
    builder = x509.CertificateBuilder(issuer.name, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(end - timedelta(days=301)).not_valid_after(end)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
    builder = builder.add_extension(identifier, critical=False)
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    key_file.touch(mode=0o600)
    key_file.write_bytes(pem)
    signed = builder.sign(issuer.key, hashes.SHA256())
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
