"""Every word the chat page says, in the active language. The page's modules know them by these keys.

The English text is the msgid; the catalogues are in chatproxy/locale. After a change:
`django-admin makemessages` and `compilemessages` in this directory, and commit both files.
"""

from django.utils.translation import gettext


def page_texts() -> dict[str, str]:
    return {**conversation_texts(), **answer_texts(), **writing_texts(), **error_texts(), **refusal_texts()}


def conversation_texts() -> dict[str, str]:
    return {
        "conversations": gettext("Conversations"),
        "new_chat": gettext("New chat"),
        "no_conversations": gettext("Your conversations will appear here."),
        "untitled": gettext("Untitled conversation"),
        "today": gettext("Today"),
        "yesterday": gettext("Yesterday"),
        "last_week": gettext("Previous 7 days"),
        "last_month": gettext("Previous 30 days"),
        "older": gettext("Older"),
        "rename": gettext("Rename"),
        "rename_named": gettext("Rename “{name}”"),
        "renamed": gettext("Renamed."),
        "new_name": gettext("New name"),
        "save": gettext("Save"),
        "delete": gettext("Delete"),
        "delete_named": gettext("Delete “{name}”"),
        "deleted_named": gettext("“{name}” was deleted."),
        "undo": gettext("Undo"),
        "restored": gettext("Conversation restored."),
        "loading": gettext("Loading…"),
        "close": gettext("Close"),
        "skip": gettext("Skip to the message box"),
    }


def answer_texts() -> dict[str, str]:
    return {
        "messages": gettext("Messages"),
        "you": gettext("You said"),
        "assistant": gettext("The assistant said"),
        "greeting": gettext("Hello! How can I help you today?"),
        "suggested": gettext("Suggested questions"),
        "thinking": gettext("Thinking…"),
        "sent": gettext("Message sent."),
        "answer_complete": gettext("The answer is complete."),
        "empty_answer": gettext("The answer is empty."),
        "stopped": gettext("You stopped this answer."),
        "jump": gettext("Jump to the newest message"),
        "copy_answer": gettext("Copy answer"),
        "copy_question": gettext("Copy message"),
        "copy_code": gettext("Copy code"),
        "copied": gettext("Copied"),
        "copy_failed": gettext("Copying is not possible here."),
        "code": gettext("Code"),
        "table": gettext("Table"),
        "resend": gettext("Send again"),
        "like": gettext("Good answer"),
        "dislike": gettext("Bad answer"),
        "thanks": gettext("Thank you for your feedback."),
        "rating_removed": gettext("Rating removed."),
        "why": gettext("What was wrong? (optional)"),
        "send_comment": gettext("Send"),
        "sources": gettext("Sources ({number})"),
        "a_source": gettext("Source"),
        "relevance": gettext("{score} match"),
    }


def writing_texts() -> dict[str, str]:
    return {
        "message": gettext("Your message"),
        "placeholder": gettext("Ask anything"),
        "send": gettext("Send message"),
        "stop": gettext("Stop answering"),
        "fineprint": gettext("AI can make mistakes. Please check important information."),
        "inputs": gettext("Before we start"),
        "inputs_first": gettext("Please tell us a little first."),
        "optional": gettext("(optional)"),
        "field_required": gettext("Please fill in this field."),
        "field_invalid": gettext("This value is not valid."),
        "attach": gettext("Attach files"),
        "an_image": gettext("Image"),
        "a_file": gettext("File"),
        "file_added": gettext("{name} is attached."),
        "remove_file": gettext("Remove {name}"),
        "too_many_files": gettext("You can attach up to {number} files."),
        "file_type_refused": gettext("{name} is a type of file that cannot be sent here."),
        "file_too_large": gettext("{name} is too large. The limit is {size}."),
        "needs_javascript": gettext("Please turn on JavaScript to use the chat."),
    }


def error_texts() -> dict[str, str]:
    """`error_` and a code of the API, or of the page itself: network, offline, unknown."""
    try_again = gettext("Something went wrong. Please try again.")
    no_answer = gettext("The assistant could not answer. Please try again in a moment.")
    session_over = gettext("Your session has ended. Please open the chat again from the site you came from.")
    return {
        "retry": gettext("Try again"),
        "offline": gettext("You are offline. What you write is kept, and you can send it when you are back."),
        "online": gettext("You are back online."),
        "session_over": session_over,
        "session_none": gettext("To continue, please open the chat from the site that you came from."),
        "not_arrived": gettext("This message may not have arrived."),
        "failed_before": gettext("This answer could not be completed."),
        "conversation_gone": gettext("This conversation is no longer available. Please start a new chat."),
        "error_unknown": try_again,
        "error_server_error": try_again,
        "error_network": gettext("The connection was lost. Please check your network and try again."),
        "error_offline": gettext("You are offline. Please try again when you are back online."),
        "error_upstream_error": no_answer,
        "error_upstream_timeout": gettext("The assistant took too long to answer. Please try again."),
        "error_not_configured": gettext("This chat is not ready yet. Please try again later."),
        "error_quota_exceeded": gettext("You have reached the limit for now. Please try again later."),
        "error_too_large": gettext("This is too long or too large to send."),
        "error_invalid": gettext("This could not be sent as it is. Please change it and try again."),
        "error_not_found": gettext("This is no longer available."),
        "error_permission_denied": gettext("You do not have access to this."),
        "error_idempotency_conflict": try_again,
        "error_token_expired": session_over,
        "error_token_invalid": session_over,
        "error_not_authenticated": session_over,
    }


def refusal_texts() -> dict[str, str]:
    """`refused_` and why the page could not be opened."""
    return {
        "refused_title": gettext("The chat could not be opened"),
        "refused_token_missing": gettext("Please open the chat from the site that offers it."),
        "refused_token_expired": gettext("This link has expired. Please go back to the site and open the chat again."),
        "refused_token_invalid": gettext(
            "This link is not valid or not complete. Please go back to the site and open the chat again."
        ),
        "refused_permission_denied": gettext("This chat is currently not available. Please try again later."),
    }
