"""What stays in the page's address once the token is out of it: `seat`, which opens nothing by itself.

It says, signed, for which system the page was opened, so that a reload gets the right frame-ancestors and name, and
which entry of the tab's storage holds the token, so that two users in one tab are not mixed up.
"""

from django.core.signing import BadSignature, Signer
from django.utils.crypto import salted_hmac

from tenants import directory
from tenants.caller import Caller
from tenants.models import System

SALT = "chatproxy.page_seat"
USER_DIGITS = 16  # of a hash that only this gateway can compute: the address does not give away the user


def seat_of(caller: Caller) -> str:
    who = salted_hmac(SALT, f"{caller.system.system_id}/{caller.user_id}", algorithm="sha256").hexdigest()
    return Signer(salt=SALT).sign_object([caller.system.system_id, who[:USER_DIGITS]])


def system_of(seat: str) -> System | None:
    """The system the seat belongs to, if this gateway gave it out and the system is enabled."""
    try:
        system = directory.system_named(Signer(salt=SALT).unsign_object(seat)[0])
    except (BadSignature, directory.Unknown, ValueError, TypeError, LookupError):
        return None
    return system if system.enabled else None
