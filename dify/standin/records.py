"""The lists and what can be done to their rows: conversations, messages, ratings, suggestions."""

from dify.standin import answers, problems
from dify.standin.call import Call
from dify.standin.exchange import Response
from dify.standin.store import SORTS

NAME_LENGTH = 255
RATINGS = ("like", "dislike")


def conversations(call: Call) -> Response:
    user = call.query_user()
    call.expect_chat_app()
    model = "ConversationListQuery"
    last_id = call.uuid("last_id", call.request.query.get("last_id"), model)
    limit = call.limit(model)
    sort_by = call.request.query.get("sort_by", "-updated_at")
    if sort_by not in SORTS:
        call.refuse_field(problems.not_a_choice("sort_by", sort_by, model, SORTS))
    last = call.world.store.conversation(call.app.id, user, last_id) if last_id else None
    if last_id and last is None:
        call.refuse_missing("Last Conversation Not Exists.")
    page, more = call.world.store.conversation_page(call.app.id, user, sort_by=sort_by, after=last, limit=limit)
    rows = [call.version.conversation_row(call.app, row) for row in page]
    return call.version.json({"limit": limit, "has_more": more, "data": rows})


def messages(call: Call) -> Response:
    user = call.query_user()
    call.expect_chat_app()
    model = "MessageListQuery"
    if "conversation_id" not in call.request.query:
        call.refuse_field(problems.missing("conversation_id", model, "query string"))
    conversation_id = call.uuid("conversation_id", call.request.query["conversation_id"], model)
    first_id = call.uuid("first_id", call.request.query.get("first_id"), model)
    limit = call.limit(model)
    if not conversation_id:
        return call.version.json({"limit": limit, "has_more": False, "data": []})
    conversation = call.conversation(user, conversation_id)
    first = call.world.store.messages.get(first_id)
    if first_id and (first is None or first.conversation is not conversation):
        call.refuse_missing("First Message Not Exists.")
    page, more = call.world.store.message_page(conversation, before=first, limit=limit)
    rows = [call.version.message_row(row) for row in page]
    return call.version.json({"limit": limit, "has_more": more, "data": rows})


def rename(call: Call, conversation_id: str) -> Response:
    body = call.json_body()
    user = call.body_user(body, required=False)
    call.expect_chat_app()
    generate, name = bool(body.get("auto_generate")), body.get("name")
    if call.version.strict_names and not generate and not name:
        call.refuse_field(problems.no_name(body, "ConversationRenamePayload"))
    conversation = call.conversation(user, conversation_id)
    if generate:
        name = answers.title(conversation.messages[0].query if conversation.messages else "")
    # Neither version looks before it writes to the database: no name, or one too long, crashes.
    if name is None or len(str(name)) > NAME_LENGTH:
        call.refuse(call.version.crash())
    call.world.store.rename(conversation, str(name))
    return call.version.json(call.version.conversation_row(call.app, conversation))


def delete(call: Call, conversation_id: str) -> Response:
    user = call.body_user(call.json_body(), required=False)
    call.expect_chat_app()
    call.world.store.delete(call.conversation(user, conversation_id))
    if call.version.deletes_with == 204:
        return Response(204)
    return call.version.json({"result": "success"})


def feedback(call: Call, message_id: str) -> Response:
    body = call.json_body()
    user = call.body_user(body)
    rating = body.get("rating")
    if rating is not None and rating not in RATINGS:
        call.refuse_field(problems.not_a_choice("rating", rating, "MessageFeedbackPayload", RATINGS))
    message = call.message(user, message_id)
    if rating is None and message.rating is None:
        call.refuse_value("rating cannot be None when feedback not exists")
    message.rating = rating
    return call.version.json({"result": "success"})


def suggested(call: Call, message_id: str) -> Response:
    user = call.query_user(required=True)
    call.expect_chat_app()
    message = call.message(user, message_id)
    if not call.app.suggests_after_answer:
        call.refuse(call.version.error(400, "bad_request", "Suggested Questions Is Disabled."))
    return call.version.json({"result": "success", "data": answers.suggestions(message.query)})
