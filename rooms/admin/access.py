"""Operators see the rooms of their systems, and change them by buttons only; nobody makes or deletes one here."""

from typing import Any

from django.http import HttpRequest

from tenants.admin.access import sees_systems, systems_of


class ForOperatorsOfItsSystem:
    """Mixed into the admin of what belongs to a system."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return sees_systems(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return systems_of(request.user).filter(pk=obj.system_id).exists() if obj else sees_systems(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
