"""What every call of a caller has in common: who it is for, which Dify app, whose conversation."""

from rest_framework.request import Request
from rest_framework.views import APIView

from dify.client import DifyClient
from history import ownership
from history.models import Conversation
from history.recorder import let_go_of_database
from tenants.caller import Caller
from tenants.calls import claims, holder
from tenants.dify_app import client_of
from tenants.models import System


class CallerView(APIView):
    """A view for a secret key (system_id?, user_id) or a JWT."""

    def caller(self, request: Request) -> Caller:
        """Raises the contract's errors where key or token and request do not agree."""
        return holder(request).caller(claims(request))

    def dify(self, caller: Caller) -> DifyClient:
        return self.dify_of(caller.system)

    def dify_of(self, system: System) -> DifyClient:
        """The system's Dify app, with the database let go of: what follows is a wait."""
        client = client_of(system)
        let_go_of_database()
        return client


def checked_conversation(caller: Caller, dify: DifyClient, conversation_id: str) -> Conversation | None:
    """Makes sure that the conversation is the caller's, before a message is sent to it.

    One that the ledger does not know may be older than the gateway, so Dify is asked, by a call that answers at
    once: a 1.13 chatflow asked to stream to a foreign conversation is silent for 302 s instead.
    Raises NotFound or DifyMissing.
    """
    known = ownership.known_conversation(caller, conversation_id)
    if known is None:
        let_go_of_database()
        dify.messages(caller.dify_user, conversation_id, limit=1)
    return known
