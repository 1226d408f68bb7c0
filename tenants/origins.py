"""Web origins: how operators write them, how browsers send them."""

from urllib.parse import urlsplit

from django.core.exceptions import ValidationError

DEFAULT_PORTS = {"http": 80, "https": 443}


def normalized_origin(text: str) -> str:
    """`HTTPS://Shop.example:443/` → `https://shop.example`, as a browser writes it. Raises ValidationError."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise ValidationError(f"“{text}” is not an origin: {error}.") from error
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or "*" in parts.hostname:
        raise ValidationError(f"“{text}” is not an origin. Write one like https://www.example.com, without wildcards.")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username:
        raise ValidationError(
            f"“{text}” has more than an origin in it. Leave out the path: {parts.scheme}://{parts.netloc}."
        )
    host = parts.hostname.encode("idna").decode() if not parts.hostname.isascii() else parts.hostname
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != DEFAULT_PORTS[parts.scheme] else "")


def normalized_origins(text: str) -> str:
    """One origin a line, each normalized, without repeats. Raises ValidationError naming the first bad one."""
    return "\n".join(dict.fromkeys(normalized_origin(part) for part in text.replace(",", "\n").split()))
