"""Opening the chat page as a test user of the operator's own."""

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from rest_framework.exceptions import APIException

from tenants import tokens
from tenants.errors import NotConfigured
from tenants.models import System

if TYPE_CHECKING:
    from tenants.admin.system import SystemAdmin

LIFETIME = timedelta(hours=1)


def open_test_chat(admin: "SystemAdmin", request: HttpRequest, system: System) -> HttpResponse:
    user_id = f"operator-{request.user.get_username()}"
    try:
        token = token_for(system, user_id)
    except APIException as error:
        messages.error(request, f"No test chat: {error.detail}")
        return admin.back_to(system)
    admin.log_change(request, system, f"Opened a test chat as {user_id}")
    # On the admin's own origin, which this browser can reach whatever PUBLIC_URL says.
    return HttpResponseRedirect(f"{reverse('chat-page')}?{urlencode({'token': token})}")


def token_for(system: System, user_id: str) -> str:
    if not system.enabled:
        raise NotConfigured("This system is disabled.")
    return tokens.issue(system, user_id, LIFETIME)[0]
