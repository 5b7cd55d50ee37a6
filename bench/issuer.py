"""An identity issuer of the benchmark's own: one key, published over loopback, and tokens signed with it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from joserfc import jwt
from joserfc.jwk import RSAKey

AUDIENCE = "https://api.wallet.example"
_LIFETIME = timedelta(hours=6)
_PERMISSIONS = ("wallet:read", "wallet:transact", "ops:act")


@dataclass(frozen=True, slots=True)
class Issuer:
    """Signs tokens under its own address."""

    url: str
    key: RSAKey

    def token(self, subject: str) -> str:
        """A customer's token, good for hours; it may post batches too."""
        issued_at = datetime.now(UTC)
        claims = {
            "iss": self.url,
            "sub": subject,
            "aud": AUDIENCE,
            "iat": int(issued_at.timestamp()),
            "exp": int((issued_at + _LIFETIME).timestamp()),
            "permissions": list(_PERMISSIONS),
        }
        header = {"alg": "RS256", "typ": "JWT", "kid": self.key.kid}
        return jwt.encode(header, claims, self.key, algorithms=["RS256"])


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer whose key set is served while the block runs."""
    key = RSAKey.generate_key(2048, {"kid": "bench", "use": "sig", "alg": "RS256"})
    content = json.dumps({"keys": [key.as_dict(private=False)]}).encode()

    class KeySet(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), KeySet) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield Issuer(f"http://127.0.0.1:{server.server_port}/", key)
        finally:
            server.shutdown()
