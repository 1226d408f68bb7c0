from django.apps import AppConfig


class DifyConfig(AppConfig):
    name = "dify"
    verbose_name = "Dify"
    default_auto_field = "django.db.models.BigAutoField"
