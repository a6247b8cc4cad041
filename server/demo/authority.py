"""The demo's own certificate authority: a phone that trusts it may use cameras in the demo's pages.

Browsers lend a camera to secure contexts only (Secure Contexts, section 3.1), and a phone cannot reach this
machine's loopback. The authority's key stays in the data folder. Its certificate can vouch for nothing but
addresses that the internet does not route (RFC 5280, section 4.2.1.10, name constraints): a phone that goes
on trusting it after the demo has lost nothing by that.
"""

from __future__ import annotations

import datetime
import os
import ssl
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

UNROUTED: tuple[IPv4Network, ...] = tuple(
    IPv4Network(network)
    for network in (
        "10.0.0.0/8",  # RFC 1918, as are 172.16 and 192.168
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",  # RFC 6598
        "169.254.0.0/16",  # RFC 3927
        "127.0.0.0/8",
        "192.0.2.0/24",  # RFC 5737
        "198.51.100.0/24",
        "203.0.113.0/24",
    )
)
AUTHORITY_DAYS, LEAF_DAYS = 365, 30
"""iOS refuses a leaf of more than 825 days (Apple, HT210176)."""
KEY, CERTIFICATE, SERVED = "demo-ca.key", "demo-ca.crt", "demo-served.pem"
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "livedesk demo (this machine only)")])


def is_unrouted(address: IPv4Address) -> bool:
    """Whether the authority may vouch for `address`."""
    return any(address in network for network in UNROUTED)


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority of one data folder."""

    folder: Path
    certificate: x509.Certificate
    _key: ec.EllipticCurvePrivateKey

    @classmethod
    def kept(cls, folder: Path, now: datetime.datetime) -> Authority:
        """The folder's authority, made anew where it has none, or one that ends within a leaf's time."""
        try:
            key = serialization.load_pem_private_key((folder / KEY).read_bytes(), None)
            certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
        except (FileNotFoundError, ValueError):
            return cls._made(folder, now)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            return cls._made(folder, now)
        if certificate.not_valid_after_utc < now + datetime.timedelta(days=LEAF_DAYS):
            return cls._made(folder, now)
        return cls(folder, certificate, key)

    @classmethod
    def _made(cls, folder: Path, now: datetime.datetime) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _begun(_NAME, key.public_key(), now, AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True), critical=True)
            .add_extension(
                x509.NameConstraints(
                    permitted_subtrees=[x509.IPAddress(network) for network in UNROUTED],
                    # A permitted subtree binds its own kind of name only: names of hosts would be free.
                    excluded_subtrees=[x509.DNSName("")],
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(folder / KEY, _pem(key))
        _write(folder / CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM))
        return cls(folder, certificate, key)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in pairs, as phones show it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(" ").upper()

    @property
    def der(self) -> bytes:
        """The certificate as phones install it."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def serving(self, address: IPv4Address, now: datetime.datetime) -> ssl.SSLContext:
        """What a server at `address` serves with: a fresh key and leaf, kept in the folder."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = (
            _begun(_NAME, key.public_key(), now, LEAF_DAYS, subject=x509.Name([]))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(address)]), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        served = self.folder / SERVED
        _write(served, _pem(key) + leaf.public_bytes(serialization.Encoding.PEM))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(served)
        return context

    def trusting(self) -> ssl.SSLContext:
        """What a client of this machine trusts: this authority alone."""
        return ssl.create_default_context(cafile=str(self.folder / CERTIFICATE))


def _begun(
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime.datetime,
    days: int,
    subject: x509.Name | None = None,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(issuer if subject is None else subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        # A phone's clock may be behind.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _usage(*, key_cert_sign: bool = False, digital_signature: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, and for nobody else to read."""
    unfinished = file.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
    unfinished.replace(file)
