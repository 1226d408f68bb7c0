"""Serves the pass-through as gunicorn.conf.py serves the gateway."""

worker_class = "gevent"
keepalive = 75
loglevel = "warning"
