"""
Flask and WSGI: the only room that knows hooks, an environ and ``start_response``.

The app's ``wsgi_app`` is wrapped: preflights are answered ahead of routing, hooks and authentication, and
every other response gets its fields whoever made it.
"""
