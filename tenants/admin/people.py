"""Users: superusers and operators. Groups and permissions are left out, because they would have no effect here."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from tenants.admin.access import ForSuperusers

admin.site.unregister([User, Group])


@admin.register(User)
class PeopleAdmin(ForSuperusers, UserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "operates", "is_superuser", "is_active"]
    list_filter = ["is_superuser", "is_active"]
    filter_horizontal = []
    readonly_fields = ["operates", "last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        ("Access", {"fields": ["is_active", "is_staff", "is_superuser", "operates"]}),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (
            None,
            {
                "fields": ["username", "usable_password", "password1", "password2", "is_staff"],
                "description": "An operator is staff. Choose them on the page of each system they look after.",
            },
        ),
    ]

    @admin.display(description="operates")
    def operates(self, person: User) -> str:
        if person.is_superuser:
            return "all systems"
        return ", ".join(system.pk for system in person.systems.all()) or "no system"
