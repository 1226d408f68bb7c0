"""GET /v1/parameters."""

from dify.standin.profiles import CHAT
from dify.standin.server import StandIn
from tenants.models import System
from tests.gateway import Gateway


def test_it_is_what_dify_says_about_the_app(alice: Gateway, bob: Gateway) -> None:
    response = alice.get("/v1/parameters")

    assert response.status_code == 200
    assert response.json()["opening_statement"] == CHAT.opening_statement
    assert response.json()["file_upload"]["enabled"] is True
    assert response.json() == bob.get("/v1/parameters").json()


def test_the_inputs_of_the_app_are_there(alice: Gateway, drillquiz: System) -> None:
    drillquiz.dify_api_key = "app-demo-inputs"
    drillquiz.save()

    form = alice.get("/v1/parameters").json()["user_input_form"]

    assert [next(iter(field.values()))["variable"] for field in form] == ["name", "level"]


def test_a_wrong_app_key_is_the_gateways_problem_and_not_the_callers(alice: Gateway, drillquiz: System) -> None:
    drillquiz.dify_api_key = "app-wrong"
    drillquiz.save()

    response = alice.get("/v1/parameters")

    assert (response.status_code, response.json()["code"]) == (502, "upstream_error")
    assert response.json()["dify_code"] == "unauthorized"
    assert "app-wrong" not in response.text


def test_dify_being_down_is_502(alice: Gateway, drillquiz: System) -> None:
    drillquiz.dify_base_url = "http://127.0.0.1:1/v1"
    drillquiz.save()

    assert alice.get("/v1/parameters").status_code == 502


def test_the_system_of_the_key_says_which_app(alice: Gateway, charlie: Gateway, cointutor: System) -> None:
    cointutor.dify_api_key = "app-demo-agent"
    cointutor.save()

    openings = [gateway.get("/v1/parameters").json()["opening_statement"] for gateway in (alice, charlie)]

    assert openings == [CHAT.opening_statement, "I am an agent without tools."]


def test_a_system_without_dify_is_not_configured(alice: Gateway, drillquiz: System, dify: StandIn) -> None:
    drillquiz.dify_base_url = ""
    drillquiz.save()

    response = alice.get("/v1/parameters")

    assert (response.status_code, response.json()["code"]) == (503, "not_configured")
    assert not dify.requests
