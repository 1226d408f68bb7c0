"""Makes what DrillQuiz's pages need for the widget, and prints it as JSON: `python -m tests.browser.widget_seed`."""

import json
import sys

import django


def seed() -> dict[str, str]:
    from tenants.models import ApiKey, System

    system = System.objects.get(pk="drillquiz")
    return {
        "key": ApiKey.issue(system, ApiKey.Kind.PUBLISHABLE)[1],
        "identity_secret": system.identity_secret.reveal(),
    }


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(json.dumps(seed()))
