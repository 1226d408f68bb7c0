"""The Cache API, under /v1/."""

from django.urls import path

from history.cache.conversations import CachedConversationsView
from history.cache.messages import CachedMessagesView

urlpatterns = [
    path("cache/conversations", CachedConversationsView.as_view(), name="cache-conversations"),
    path("cache/conversations/<str:conversation_id>/messages", CachedMessagesView.as_view(), name="cache-messages"),
]
