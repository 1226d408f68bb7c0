"""POST /v1/chat: one turn, blocking or streaming."""

from typing import Any

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chatproxy.calls import CallerView, checked_conversation
from chatproxy.listener import Listener
from chatproxy.questions import Question, QuestionSerializer
from chatproxy.turn import Turn
from history import ownership, recorder
from tenants.calls import body_of

FIRST_BYTE_WITHIN = 0.7  # seconds: the contract says one, and some of it goes on the way


class AnswerSerializer(serializers.Serializer[Any]):
    conversation_id = serializers.CharField()
    message_id = serializers.CharField()
    answer = serializers.CharField()
    metadata = serializers.DictField()
    created_at = serializers.IntegerField(help_text="Unix seconds.")


class ChatView(CallerView):
    @extend_schema(
        summary="Send a message",
        description="Streaming answers are server-sent events in Dify's own shape, with exactly one terminal event: "
        "`message_end`, or `error` {event, code, detail, status, conversation_id?, message_id?}.",
        request=QuestionSerializer,
        responses={200: AnswerSerializer, (200, "text/event-stream"): OpenApiResponse(str)},
    )
    def post(self, request: Request) -> HttpResponseBase:
        caller = self.caller(request)
        question = Question(body_of(request))
        dify = self.dify(caller)
        conversation = (
            checked_conversation(caller, dify, question.conversation_id) if question.conversation_id else None
        )
        ownership.check_uploads(caller, question.upload_ids)
        entry = recorder.open_turn(caller, question.message, conversation, question.files)
        recorder.let_go_of_database()
        listener = Listener() if wants_stream(request, question) else None
        turn = Turn(dify, entry, question.for_dify(caller), listener).start()
        return streamed(turn, listener) if listener else whole(turn)


def wants_stream(request: Request, question: Question) -> bool:
    if question.response_mode is None:
        return "text/event-stream" in request.headers.get("Accept", "")
    return question.response_mode == "streaming"


def whole(turn: Turn) -> Response:
    turn.wait()
    if turn.failure:
        raise turn.failure
    reply = turn.reply
    return Response(
        {
            "conversation_id": reply.conversation_id,
            "message_id": reply.message_id,
            "answer": reply.answer,
            "metadata": reply.metadata,
            "created_at": reply.created_at,
        }
    )


def streamed(turn: Turn, listener: Listener) -> StreamingHttpResponse:
    """Waits a moment, so that a failure known by then is a plain error with its status."""
    if not turn.starts(within=FIRST_BYTE_WITHIN) and turn.failure:
        raise turn.failure
    response = StreamingHttpResponse(listener.frames(), content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx passes a stream on as it comes only if told so
    return response
