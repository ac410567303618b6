"""The certificate of the machine that hands keys out: made at the first use, and known by its fingerprint alone."""

from __future__ import annotations

import datetime as dt
import ssl
from hashlib import sha256
from pathlib import Path

from schema.atomic_file import exclusively, write_atomically

_VALID_DAYS = 20 * 365


def certificate(path: Path) -> str:
    """The fingerprint of the certificate in that file, which is made if it is not there."""
    if not path.exists():
        with exclusively(path):
            # Another process may have been first.
            if not path.exists():
                _make_certificate(path)
    text = path.read_text(encoding="ascii")
    first = text.index("-----BEGIN CERTIFICATE-----")
    return sha256(ssl.PEM_cert_to_DER_cert(text[first:])).hexdigest()


def _make_certificate(path: Path) -> None:
    # Imported here: only the machine that serves keys needs it, once.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "footfall keys")])
    # Known by its fingerprint alone, so neither name nor time matter; a day of slack for clocks that are behind.
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=_VALID_DAYS))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_atomically(path, private + signed.public_bytes(serialization.Encoding.PEM))
