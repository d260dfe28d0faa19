"""Where a prompt goes: the addresses that are taken, and the proxy on the way."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

LONGEST = 500
"""Characters of an address."""
_ADDRESS = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\.?|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[a-z0-9._~%:+-]*)*)",
    re.IGNORECASE,
)
"""The whole of an address. One pattern reads it, and nothing that the pattern leaves open is
sent on: so no two readers of addresses can differ about its host."""
_ENDINGS = ("/chat/completions", "/completions")
PROXIES = ("http", "https", "socks5", "socks5h")
"""The schemes of proxies that httpx speaks."""


def checked(address: str) -> str:
    """The address without a "/" at its end, and without the ending that a way of asking adds.

    Raises ValueError in words that do not repeat the address, because it may hold a password.
    """
    address = address.strip()
    if len(address) > LONGEST:
        raise ValueError(f"must have {LONGEST} characters at most")
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise ValueError(_why_not(address))
    if found["port"] and not 0 < int(found["port"]) < 65536:
        raise ValueError("must have a port from 1 to 65535")
    if found["host"].startswith("["):
        try:
            ipaddress.IPv6Address(found["host"][1:-1])
        except ValueError:
            raise ValueError("must have an IPv6 address between its brackets") from None
    path = found["path"].rstrip("/")
    for ending in _ENDINGS:
        path = path.removesuffix(ending).rstrip("/")
    port = f":{found['port']}" if found["port"] else ""
    return f"{found['scheme'].lower()}://{found['host'].lower()}{port}{path}"


def _why_not(address: str) -> str:
    scheme, colon, rest = address.partition("://")
    if not colon or scheme.lower() not in ("http", "https"):
        return "must begin with https:// or http://, as https://api.openai.com/v1 does"
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
    if "@" in authority:
        return "must not hold a name or a password before the host; choose key_from instead"
    if "?" in rest or "#" in rest:
        return "must end with its path: nothing after a ? or a # is taken"
    if not authority or authority.startswith(":"):
        return "must name a host, as https://api.openai.com/v1 does"
    if not address.isascii():
        return "must be in ASCII; a host in another script has a form that begins with xn--"
    return "must be an address such as https://api.openai.com/v1, without spaces and signs"


@dataclass(frozen=True, slots=True)
class Address:
    """A place that is asked."""

    text: str
    """With its scheme, its path and its ending: "https://api.example.org/v1/chat/completions"."""

    @property
    def scheme(self) -> str:
        return urlsplit(self.text).scheme

    @property
    def host(self) -> str:
        """The name or the number of the host, an IPv6 one without brackets."""
        return urlsplit(self.text).hostname or ""

    @property
    def place(self) -> str:
        """The host as a person reads it, with its port if one is named."""
        return urlsplit(self.text).netloc

    @property
    def here(self) -> bool:
        """True if the address leads to this machine itself."""
        if self.host == "localhost":
            return True
        try:
            number = ipaddress.ip_address(self.host)
        except ValueError:
            return False
        return number.is_loopback


@dataclass(frozen=True, slots=True, repr=False)
class Proxy:
    """A proxy that the environment names. Its address may hold a password, so it has no repr."""

    address: str

    @property
    def place(self) -> str:
        """The proxy's host and port, without name and password."""
        try:
            parts = urlsplit(self.address)
            return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        except ValueError:
            return "that cannot be read"

    @property
    def usable(self) -> bool:
        """True if httpx can speak with it, as far as its address tells."""
        try:
            parts = urlsplit(self.address)
            return parts.scheme in PROXIES and bool(parts.hostname) and parts.port != 0
        except ValueError:
            return False

    @property
    def password(self) -> str:
        try:
            return urlsplit(self.address).password or ""
        except ValueError:
            return ""


def proxy_for(address: Address) -> Proxy | None:
    """The proxy that the environment (or the system's settings) names for an address; None if the
    address is asked directly, as every address on this machine is."""
    if address.here:
        return None
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    named = proxies.get(address.scheme) or proxies.get("all")
    if not named or proxy_bypass(address.host):
        return None
    return Proxy(named if "://" in named else f"http://{named}")
