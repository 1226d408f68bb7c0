"""Who sees and changes what: superusers everything, operators their systems, other staff nothing.

Django's own permissions play no part, so that there is one place to look: the operators of a system.
"""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet
from django.http import HttpRequest

from tenants.models import System

Person = AbstractBaseUser | AnonymousUser


def systems_of(person: Person) -> QuerySet[System]:
    if is_superuser(person):
        return System.objects.all()
    if not (person.is_active and getattr(person, "is_staff", False)):
        return System.objects.none()
    return System.objects.filter(operators=person.pk)


def is_superuser(person: Person) -> bool:
    return bool(person.is_active and getattr(person, "is_superuser", False))


def sees_systems(request: HttpRequest) -> bool:
    return is_superuser(request.user) or systems_of(request.user).exists()


def rules(request: HttpRequest) -> bool:
    return is_superuser(request.user)


class ForOperators:
    """Mixed into the admin of systems."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return sees_systems(request)

    def has_view_permission(self, request: HttpRequest, obj: System | None = None) -> bool:
        return systems_of(request.user).filter(pk=obj.pk).exists() if obj else sees_systems(request)

    def has_change_permission(self, request: HttpRequest, obj: System | None = None) -> bool:
        return self.has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return rules(request)

    def has_delete_permission(self, request: HttpRequest, obj: System | None = None) -> bool:
        return rules(request)


class ForSuperusers:
    """Mixed into the admin of what concerns all systems."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return rules(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return rules(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return rules(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return rules(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return rules(request)
