"""The chat page, at the root."""

from django.urls import path

from chatproxy.page import chat_page
from chatproxy.page_render import RenderView

urlpatterns = [
    path("chat", chat_page, name="chat-page"),
    path("chat-api", chat_page, name="chat-page-alias"),
    path("chat/render", RenderView.as_view(), name="chat-render"),
]
