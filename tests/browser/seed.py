"""Fills the database of the gateway under test: `python -m tests.browser.seed <Dify's url> <origin> …`."""

import sys

import django


def seed(dify_url: str, origins: list[str]) -> None:
    from tenants.models import System

    for system_id, kind in {"drillquiz": "chat", "asking": "inputs", "closed": "chat"}.items():
        System.objects.create(
            system_id=system_id,
            name=system_id.title(),
            dify_base_url=dify_url,
            dify_api_key=f"app-demo-{kind}",
            allowed_origins="" if system_id == "closed" else "\n".join(origins),
        )


if __name__ == "__main__":
    django.setup()
    seed(sys.argv[1], sys.argv[2:])
