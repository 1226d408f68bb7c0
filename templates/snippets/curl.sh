{% autoescape off %}curl {{ public_url }}/v1/chat \
  -H "X-API-Key: {{ secret_key }}" \
  -H "Content-Type: application/json" \
  -d '{"system_id": "{{ system_id }}", "user_id": "alice", "message": "Hello!"}'
{% endautoescape %}
