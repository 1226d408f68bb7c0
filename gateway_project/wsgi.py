import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")
application = get_wsgi_application()

from gateway_project.checks import refuse_to_serve_with_errors  # noqa: E402, needs the application

refuse_to_serve_with_errors()
