"""How requests reach Dify: pooled, guarded at connect time, and careful about what is repeated."""

import socket
from functools import cache
from typing import Any, Self

from django.conf import settings
from requests import Request, Response
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError, ReadTimeoutError
from urllib3.util.connection import create_connection
from urllib3.util.retry import Retry

from dify.addresses import ForbiddenAddress, resolve
from dify.chunked import EagerResponse

HEADERS = {"User-Agent": "chat-gateway", "Accept": "*/*", "Accept-Encoding": "identity"}


class Careful(Retry):
    """Does not wait a second time for what has kept silent once: the caller has one time-out, not two."""

    def increment(self, method: str | None = None, url: str | None = None, *args: Any, **kwargs: Any) -> Self:
        if isinstance(error := kwargs.get("error"), ReadTimeoutError):
            raise error
        return super().increment(method, url, *args, **kwargs)


# A connection that could not be made carried no request, so any request may try again. What may have reached Dify
# is repeated only if it is a GET: a chat message sent twice is asked, answered and paid twice.
RETRY = Careful(
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
def adapter() -> GuardedAdapter:
    """The process's connections to all Difys."""
    return GuardedAdapter(pool_connections=64, pool_maxsize=settings.DIFY_POOL_SIZE, max_retries=RETRY)


def sent(method: str, url: str, *, timeout: tuple[float, float], headers: dict[str, str], **body: Any) -> Response:
    """The beginning of the answer: status and headers. `timeout` is (connect, read), in seconds.

    Without a requests.Session there are no proxies or netrc of the environment, no cookies and no redirects: what is
    sent is what the caller says, to whom it says. It is also a tenth of a turn's CPU less.
    """
    request = Request(method, url, headers=HEADERS | headers, **body).prepare()
    return adapter().send(request, stream=True, timeout=timeout, verify=settings.DIFY_CA_BUNDLE or True)
