"""POST /v1/chat/{task_id}/stop: ends the caller's own running turn."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from chatproxy.calls import CallerView
from chatproxy.shapes import IdentitySerializer, SuccessSerializer
from dify.errors import DifyError
from history import ownership, recorder


class StopView(CallerView):
    @extend_schema(
        summary="Stop a running answer",
        description="The stream ends with `message_end`; what was said so far is kept.",
        request=IdentitySerializer,
        responses=SuccessSerializer,
    )
    def post(self, request: Request, task_id: str) -> Response:
        caller = self.caller(request)
        turn = ownership.running_turn(caller, task_id)
        recorder.note_stopped(turn)  # first, so that a turn that ends meanwhile is known as stopped
        try:
            self.dify(caller).stop(turn.task_id, caller.dify_user)
        except DifyError:
            recorder.take_back_stop(turn)
            raise
        return Response({"result": "success"})
