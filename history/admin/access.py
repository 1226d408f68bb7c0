"""What operators may look at: rows of their own systems, which nobody writes by hand."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest

from history.person import Person
from tenants.admin.access import sees_systems, systems_of


class OfOwnSystems:
    """Mixed into the admin of what belongs to a system and a user."""

    actions = None
    show_full_result_count = False
    list_select_related = ["system"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        return found.filter(system__in=systems_of(request.user))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return sees_systems(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return systems_of(request.user).filter(pk=obj.system_id).exists() if obj else sees_systems(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def person_of(self, request: HttpRequest, row_id: int) -> Person:
        """Raises Http404 for a row of somebody else's system."""
        row = self.get_queryset(request).filter(pk=row_id).first()
        if row is None:
            raise Http404
        return Person(row.system, row.user_id)
