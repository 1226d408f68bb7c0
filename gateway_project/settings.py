"""Settings of the gateway: one file, everything variable comes from the environment or `.env` (see env.py).

The table in README.md lists every variable. The defaults run with nothing else installed.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf.locale import LANG_INFO
from django.templatetags.static import static
from django.urls import reverse_lazy

from gateway_project import env

BASE_DIR = Path(__file__).resolve().parent.parent
env.load(Path(env.text("ENV_FILE", str(BASE_DIR / ".env"))))

# The process -------------------------------------------------------------------------------------------------

DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = env.random_unless_given("SECRET_KEY")
# Fernet keys for secrets at rest, newest first. `manage.py rotate_secrets` re-encrypts with the first.
ENCRYPTION_KEYS = env.words("ENCRYPTION_KEYS")

# Where people and systems reach the gateway. https switches on everything a public site needs.
PORT = env.integer("PORT", 8088, least=1, most=65_535)
PUBLIC_URL = env.origin("PUBLIC_URL", f"http://localhost:{PORT}")
PUBLIC = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = [PUBLIC.hostname or "localhost", "localhost", "127.0.0.1", "[::1]", *env.words("ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
# Whose X-Forwarded-For is believed, where rooms ask for the address that a request comes from.
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
HTTPS = PUBLIC.scheme == "https"

ROOT_URLCONF = "gateway_project.urls"
WSGI_APPLICATION = "gateway_project.wsgi.application"
ASGI_APPLICATION = "gateway_project.asgi.application"

INSTALLED_APPS = [
    "gateway_project",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "dify",
    "tenants",
    "history",
    "chatproxy",
    "rooms",
]

MIDDLEWARE = [
    "gateway_project.request_id.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "chatproxy.page_cors.SandboxedPageMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "tenants.admin.language.EnglishAdminMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Storage -----------------------------------------------------------------------------------------------------

SQLITE_OPTIONS = {
    # A writer queues at BEGIN instead of failing when it upgrades its lock in mid-transaction.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}
# A turn borrows a connection for milliseconds and waits for Dify without one, so a small pool carries thousands.
POSTGRES_OPTIONS = {
    "pool": {"min_size": 1, "max_size": env.integer("DATABASE_POOL_SIZE", 10, least=1), "timeout": 20},
}

DATABASES = {"default": env.database("DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}")}
SQLITE = DATABASES["default"].get("ENGINE") == "django.db.backends.sqlite3"
if SQLITE:
    DATABASES["default"]["ENGINE"] = "gateway_project.sqlite_pool"
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    **(SQLITE_OPTIONS if SQLITE else POSTGRES_OPTIONS),
}

REDIS_URL = env.text("REDIS_URL")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
# The bell between the processes that serve rooms. Redis does not divide pub/sub by database, so the prefix does.
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": f"chat-gateway{urlsplit(REDIS_URL).path.replace('/', '-')}"},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

# Where finished turns are kept as objects: on a disk, or on S3 where a bucket is named.
ARCHIVE_DIR = BASE_DIR / env.text("ARCHIVE_DIR", "archive")
ARCHIVE_S3_ENDPOINT = env.text("ARCHIVE_S3_ENDPOINT")
ARCHIVE_S3_BUCKET = env.text("ARCHIVE_S3_BUCKET")
ARCHIVE_S3_ACCESS_KEY = env.text("ARCHIVE_S3_ACCESS_KEY")
ARCHIVE_S3_SECRET_KEY = env.text("ARCHIVE_S3_SECRET_KEY")
ARCHIVE_S3_REGION = env.text("ARCHIVE_S3_REGION")
ARCHIVE_S3 = {
    "bucket_name": ARCHIVE_S3_BUCKET,
    "endpoint_url": ARCHIVE_S3_ENDPOINT or None,
    "access_key": ARCHIVE_S3_ACCESS_KEY or None,
    "secret_key": ARCHIVE_S3_SECRET_KEY or None,
    "region_name": ARCHIVE_S3_REGION or None,
}

# People and languages ----------------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español"), ("ko", "한국어"), ("zh", "中文"), ("ja", "日本語")]
# Django knows Chinese by its scripts only, and the admin's pages ask it about every language.
LANG_INFO["zh"] = {**LANG_INFO["zh-hans"], "code": "zh"}
LOCALE_PATHS = [BASE_DIR / "gateway_project" / "locale"]
TIME_ZONE = env.time_zone("TIME_ZONE", "UTC")
USE_TZ = True

# The admin ---------------------------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Chat Gateway",
    "SITE_HEADER": "Chat Gateway",
    "COLORS": {
        "primary": {  # the blue of the icon, from light to dark
            "50": "oklch(97% .014 260)",
            "100": "oklch(93% .033 260)",
            "200": "oklch(88% .06 260)",
            "300": "oklch(81% .10 260)",
            "400": "oklch(71% .15 260)",
            "500": "oklch(62% .19 260)",
            "600": "oklch(52% .19 260)",
            "700": "oklch(46% .18 260)",
            "800": "oklch(40% .15 260)",
            "900": "oklch(35% .12 260)",
            "950": "oklch(27% .08 260)",
        },
    },
    "SITE_ICON": lambda request: static("intro/icon.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("intro/icon.svg")}],
    "SIDEBAR": {
        "navigation": [
            {
                "items": [
                    {
                        "title": "Systems",
                        "explanation": "Who uses the gateway, with which Dify: connections, keys, secrets, snippets.",
                        "icon": "hub",
                        "link": reverse_lazy("admin:tenants_system_changelist"),
                        "permission": "tenants.admin.access.sees_systems",
                    },
                    {
                        "title": "History",
                        "explanation": "What was said: find it, read it, take it away, and the numbers of it.",
                        "icon": "history",
                        "link": reverse_lazy("cache-page"),
                        "permission": "tenants.admin.access.sees_systems",
                    },
                    {
                        "title": "Rooms",
                        "explanation": "People talking to people: who is where, what they say, who is believed.",
                        "icon": "forum",
                        "link": reverse_lazy("admin:rooms_room_changelist"),
                        "permission": "tenants.admin.access.sees_systems",
                    },
                    {
                        "title": "All API keys",
                        "explanation": "Every key in one list, and those that are for all systems.",
                        "icon": "key",
                        "link": reverse_lazy("admin:tenants_apikey_changelist"),
                        "permission": "tenants.admin.access.rules",
                    },
                    {
                        "title": "Chat users",
                        "explanation": "Who has chatted: download or erase everything that is kept of one person.",
                        "icon": "person_search",
                        "link": reverse_lazy("admin:history_chatuser_changelist"),
                        "permission": "tenants.admin.access.sees_systems",
                    },
                    {
                        "title": "Erasures",
                        "explanation": "Receipts: what was deleted where, what is left, and what to run again.",
                        "icon": "receipt_long",
                        "link": reverse_lazy("admin:history_erasure_changelist"),
                        "permission": "tenants.admin.access.sees_systems",
                    },
                    {
                        "title": "Users",
                        "explanation": "Superusers, who see everything, and operators, who see their systems.",
                        "icon": "group",
                        "link": reverse_lazy("admin:auth_user_changelist"),
                        "permission": "tenants.admin.access.rules",
                    },
                ]
            }
        ]
    },
}

# Static files ------------------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "gateway_project.static_files.HashedModulesStorage"},
    "archive": {"BACKEND": "history.archive.bucket.Bucket", "OPTIONS": ARCHIVE_S3}
    if ARCHIVE_S3_BUCKET
    else {"BACKEND": "history.archive.disk.PrivateFiles", "OPTIONS": {"location": ARCHIVE_DIR}},
}

# A public site -----------------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # asked from inside, over plain HTTP
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
X_FRAME_OPTIONS = "DENY"

# The API -----------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.authentication.ApiKeyAuthentication",
        "tenants.authentication.TokenAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["gateway_project.json_codec.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["gateway_project.json_codec.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "gateway_project.json_codec.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "gateway_project.errors.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
CORS_ALLOWED_ORIGINS: list[str] = []  # origins are per system: tenants/cors.py
CORS_URLS_REGEX = r"(?!)"  # nothing by its address alone
CORS_ALLOW_METHODS = ["DELETE", "GET", "POST"]
CORS_ALLOW_HEADERS = ["accept", "authorization", "content-type", "x-api-key", "x-request-id"]
CORS_EXPOSE_HEADERS = ["link", "retry-after", "x-request-id"]
CORS_PREFLIGHT_MAX_AGE = 600  # seconds
APPEND_SLASH = False
DATA_UPLOAD_MAX_MEMORY_SIZE = None  # the parsers cap each kind of body and answer in the contract's shape

SPECTACULAR_SETTINGS = {
    "TITLE": "Chat Gateway",
    "DESCRIPTION": "Chat with the Dify app of a registered system. Errors are always JSON: detail, code, errors?.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}

CHAT_MAX_BODY_BYTES = env.integer("CHAT_MAX_BODY_BYTES", 256 * 1024, least=1024)
CHAT_MAX_FILE_BYTES = env.integer("CHAT_MAX_FILE_BYTES", 15 * 1024 * 1024, least=1024)
# Signs tokens of systems that have no secret of their own.
CHAT_GATEWAY_JWT_SECRET = env.text("CHAT_GATEWAY_JWT_SECRET")

# Dify --------------------------------------------------------------------------------------------------------

# The fallback for systems that name no Dify of their own.
DIFY_BASE_URL = env.text("DIFY_BASE_URL")
DIFY_API_KEY = env.text("DIFY_API_KEY")
DIFY_CONNECT_TIMEOUT = env.number("DIFY_CONNECT_TIMEOUT", 5, least=0.1)  # seconds, as all below
DIFY_READ_TIMEOUT = env.number("DIFY_READ_TIMEOUT", 30, least=0.1)  # for one answer that is no stream
DIFY_IDLE_TIMEOUT = env.number("DIFY_IDLE_TIMEOUT", 60, least=0.1)  # for silence in a stream
DIFY_TOTAL_TIMEOUT = env.number("DIFY_TOTAL_TIMEOUT", 600, least=0.1)  # for a whole turn
DIFY_MAX_ANSWER_BYTES = env.integer("DIFY_MAX_ANSWER_BYTES", 1024 * 1024, least=1024)
DIFY_MAX_BODY_BYTES = env.integer("DIFY_MAX_BODY_BYTES", 16 * 1024 * 1024, least=1024)
DIFY_ALLOW_PRIVATE_ADDRESSES = env.boolean("DIFY_ALLOW_PRIVATE_ADDRESSES", True)
DIFY_CA_BUNDLE = env.text("DIFY_CA_BUNDLE")
DIFY_POOL_SIZE = env.integer("DIFY_POOL_SIZE", 512, least=1)

# Rooms -------------------------------------------------------------------------------------------------------

ROOMS_PORT = env.integer("ROOMS_PORT", min(PORT + 1, 65_535), least=1, most=65_535)
# Where browsers find it. On a public site the proxy sends there what begins with /ws.
ROOMS_URL = f"wss://{PUBLIC.netloc}" if HTTPS else f"ws://{PUBLIC.netloc.removesuffix(f':{PUBLIC.port}')}:{ROOMS_PORT}"
ROOMS_MAX_MESSAGE_BYTES = env.integer("ROOMS_MAX_MESSAGE_BYTES", 16 * 1024, least=256, most=1024 * 1024)
# Seconds without a sign of life, not even an answer to a ping, after which a connection is closed.
ROOMS_IDLE_TIMEOUT = env.number("ROOMS_IDLE_TIMEOUT", 60, least=1)

# Logs --------------------------------------------------------------------------------------------------------

LOG_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"quiet": {"()": "gateway_project.logs.QuietFormatter"}},
    "filters": {"request_id": {"()": "gateway_project.request_id.RequestIdFilter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "quiet", "filters": ["request_id"]}},
    "root": {"handlers": ["console"], "level": env.choice("LOG_LEVEL", "INFO", LOG_LEVELS)},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "urllib3": {"level": "ERROR"},  # its warnings quote addresses, with users in them
        # Its own lines quote whole addresses, with tokens in them, and at DEBUG what people say.
        "uvicorn": {"handlers": [], "propagate": True, "level": "WARNING"},
        "uvicorn.error": {"level": "WARNING"},
        "uvicorn.access": {"handlers": [], "level": "WARNING"},
        # A line a second while Redis is away; rooms/bell.py says it once.
        "channels_redis": {"level": "CRITICAL"},
        # Below that they quote requests, with their signatures and what people said.
        "boto3": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
        "s3transfer": {"level": "WARNING"},
    },
}
LOGGING_CONFIG = "logging.config.dictConfig"
