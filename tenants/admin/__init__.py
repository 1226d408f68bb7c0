"""The control room: who uses the gateway, with which Dify, keys and secrets. One idea a file."""

from django.contrib import admin

from tenants.admin.all_keys import ApiKeyAdmin
from tenants.admin.people import PeopleAdmin
from tenants.admin.system import SystemAdmin

admin.site.index_title = "Control room"

__all__ = ["ApiKeyAdmin", "PeopleAdmin", "SystemAdmin"]
