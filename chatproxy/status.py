"""GET /v1/status: is my system's Dify configured and reachable?"""

import time
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from chatproxy.calls import CallerView
from chatproxy.shapes import IDENTITY
from dify.errors import DifyError
from tenants.caller import KeyHolder, claimed_text
from tenants.calls import claims, holder
from tenants.errors import NotConfigured
from tenants.models import System


class StatusSerializer(serializers.Serializer[Any]):
    system_id = serializers.CharField()
    configured = serializers.BooleanField()
    reachable = serializers.BooleanField()
    detail = serializers.CharField()
    latency_ms = serializers.IntegerField(allow_null=True)


class StatusView(CallerView):
    @extend_schema(summary="Is Dify configured and reachable?", parameters=IDENTITY[:1], responses=StatusSerializer)
    def get(self, request: Request) -> Response:
        key = holder(request)
        if not isinstance(key, KeyHolder):
            raise PermissionDenied("This needs a secret key.")
        return Response(self.probe(key.system(claimed_text(claims(request), "system_id"))))

    def probe(self, system: System) -> dict[str, Any]:
        answer = {"system_id": system.system_id, "configured": True, "reachable": False, "latency_ms": None}
        begun = time.monotonic()
        try:
            self.dify_of(system).parameters()
        except NotConfigured as error:
            return answer | {"configured": False, "detail": str(error.detail)}
        except DifyError as error:
            return answer | {"detail": str(error)}
        latency_ms = round(1000 * (time.monotonic() - begun))
        return answer | {"reachable": True, "detail": "Dify answers.", "latency_ms": latency_ms}
