"""What the app says about itself."""

from dify.standin.call import Call
from dify.standin.exchange import Response
from dify.standin.profiles import parameters as app_parameters


def parameters(call: Call) -> Response:
    return call.version.json(app_parameters(call.app))


def info(call: Call) -> Response:
    return call.version.json(call.version.info(call.app))


def meta(call: Call) -> Response:
    return call.version.json({"tool_icons": {}})


def site(call: Call) -> Response:
    return call.version.site(call.app)
