{% autoescape off %}# pip install pyjwt
import os
import time

import jwt

now = int(time.time())
token = jwt.encode(
    {
        "system_id": "{{ system_id }}",
        "user_id": "alice",{% if issuer %}
        "iss": {{ issuer }},{% endif %}{% if audience %}
        "aud": {{ audience }},{% endif %}
        "iat": now,
        "exp": now + 3600,
    },
    os.environ["CHAT_SIGNING_SECRET"],
    algorithm="HS256",{% if kid %}
    headers={"kid": {{ kid }}},{% endif %}
)
print(token)
{% endautoescape %}
