"""GET /v1/parameters: the Dify app's opening statement, inputs and upload rules, as Dify has them."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chatproxy.calls import CallerView
from chatproxy.shapes import IDENTITY


class ParametersView(CallerView):
    @extend_schema(summary="What the Dify app offers", parameters=IDENTITY, responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response(self.dify(self.caller(request)).parameters())
