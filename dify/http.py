"""The one HTTP session to all Difys: pooled, guarded at connect time, and careful about what it repeats."""

import socket
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection
from urllib3.util.retry import Retry

from dify.addresses import ForbiddenAddress, resolve
from dify.chunked import EagerResponse

# A connection that could not be made carried no request, so any request may try again. What may have reached Dify
# is repeated only if it is a GET: a chat message sent twice is asked, answered and paid twice.
RETRY = Retry(
    total=2,
    connect=1,
    read=1,
    redirect=0,
    status=1,
    other=0,
    allowed_methods={"GET"},
    status_forcelist={502, 503, 504},
    backoff_factor=0.1,
    raise_on_status=False,
)


class Guarded(HTTPConnection):
    """Connects to the very addresses it has checked, and keeps its socket at hand for deadlines."""

    response_class = EagerResponse
    live_socket: socket.socket | None = None

    def connect(self) -> None:
        super().connect()
        # http.client forgets the socket of a response that ends with the connection, while it still reads from it.
        self.live_socket = self.sock

    def _new_conn(self) -> socket.socket:
        try:
            return self._first_that_answers(resolve(self._dns_host, self.port or self.default_port))
        except ForbiddenAddress as error:
            raise Forbidden(self, str(error)) from error
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out.") from error
        except OSError as error:
            raise NewConnectionError(self, f"No connection to {self.host}: {error}") from error

    def _first_that_answers(self, addresses: list[tuple[str, int]]) -> socket.socket:
        failure = OSError("the name has no address")
        for address in addresses:
            try:
                return create_connection(address, self.timeout, self.source_address, self.socket_options)
            except OSError as error:
                failure = error
        raise failure


class Forbidden(NewConnectionError):
    """The address is refused; to try again would not help."""


class GuardedTLS(Guarded, HTTPSConnection):
    pass


class GuardedPool(HTTPConnectionPool):
    ConnectionCls = Guarded


class GuardedTLSPool(HTTPSConnectionPool):
    ConnectionCls = GuardedTLS


class GuardedAdapter(HTTPAdapter):
    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": GuardedPool, "https": GuardedTLSPool}


@cache
def session() -> requests.Session:
    """One for the process. No proxies, netrc or cookies: what is sent is what the caller says, to whom it says."""
    made = requests.Session()
    made.trust_env = False
    made.verify = settings.DIFY_CA_BUNDLE or True
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.headers = {"User-Agent": "chat-gateway", "Accept-Encoding": "identity"}
    adapter = GuardedAdapter(pool_connections=64, pool_maxsize=settings.DIFY_POOL_SIZE, max_retries=RETRY)
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    return made
