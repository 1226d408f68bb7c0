"""POST /v1/messages/{id}/feedback and GET /v1/messages/{id}/suggested."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chatproxy.calls import CallerView
from chatproxy.shapes import IDENTITY, IdentitySerializer, SuccessSerializer
from dify.errors import DifyInvalid
from history import recorder
from history.ownership import valid_id

MAX_FEEDBACK = 10_000  # characters


class FeedbackSerializer(IdentitySerializer):
    rating = serializers.ChoiceField(["like", "dislike"], allow_null=True, help_text="null takes it back.")
    content = serializers.CharField(required=False, allow_blank=True, max_length=MAX_FEEDBACK)


class FeedbackView(CallerView):
    @extend_schema(summary="Rate an answer", request=FeedbackSerializer, responses=SuccessSerializer)
    def post(self, request: Request, message_id: str) -> Response:
        caller = self.caller(request)
        message_id = valid_id(message_id)
        given = FeedbackSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        rating, content = given.validated_data["rating"], given.validated_data.get("content", "")
        try:
            self.dify(caller).rate(caller.dify_user, message_id, rating, content)
        except DifyInvalid:
            if rating is not None:
                raise
            # Dify refuses to take back what is not there; what was asked for is true all the same.
        recorder.note_rated(caller, message_id, rating)
        return Response({"result": "success"})


class SuggestedView(CallerView):
    @extend_schema(
        summary="Questions to go on with",
        description="A list of strings; empty if the Dify app suggests none.",
        parameters=IDENTITY,
        responses=serializers.ListSerializer(child=serializers.CharField()),
    )
    def get(self, request: Request, message_id: str) -> Response:
        caller = self.caller(request)
        message_id = valid_id(message_id)
        try:
            return Response(self.dify(caller).suggested(caller.dify_user, message_id))
        except DifyInvalid:
            return Response([])  # the app does not suggest, or the app kind cannot
