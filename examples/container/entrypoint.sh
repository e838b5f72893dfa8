#!/bin/sh
# A policy that cannot be used ends the container here, with every problem on standard error.
set -eu
# gunicorn reads no .env, so the check must not either.
FLASK_SKIP_DOTENV=1 flask --app app cors check
exec gunicorn "$@" "app:create_app()"
