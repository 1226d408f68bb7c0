"""The chat API, under /v1/."""

from django.urls import path

from chatproxy.chat import ChatView
from chatproxy.conversations import ConversationsView, ConversationView, NameView
from chatproxy.feedback import FeedbackView, SuggestedView
from chatproxy.files import FilesView
from chatproxy.messages import MessagesView
from chatproxy.parameters import ParametersView
from chatproxy.status import StatusView
from chatproxy.stop import StopView
from chatproxy.sync import SyncMeView, SyncView
from chatproxy.token_endpoint import ChatTokenView

urlpatterns = [
    path("chat", ChatView.as_view(), name="chat"),
    path("chat-token", ChatTokenView.as_view(), name="chat-token"),
    path("chat/<str:task_id>/stop", StopView.as_view(), name="stop"),
    path("conversations", ConversationsView.as_view(), name="conversations"),
    path("conversations/<str:conversation_id>", ConversationView.as_view(), name="conversation"),
    path("conversations/<str:conversation_id>/messages", MessagesView.as_view(), name="messages"),
    path("conversations/<str:conversation_id>/name", NameView.as_view(), name="name"),
    path("messages/<str:message_id>/feedback", FeedbackView.as_view(), name="feedback"),
    path("messages/<str:message_id>/suggested", SuggestedView.as_view(), name="suggested"),
    path("parameters", ParametersView.as_view(), name="parameters"),
    path("files", FilesView.as_view(), name="files"),
    path("status", StatusView.as_view(), name="status"),
    path("sync", SyncView.as_view(), name="sync"),
    path("sync/me", SyncMeView.as_view(), name="sync-me"),
]
