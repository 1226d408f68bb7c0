"""CSV, JSON Lines and Markdown of what is filtered, streamed."""
