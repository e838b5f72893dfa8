"""How gunicorn serves the shop: errors and the audit log on standard error, accesses on standard output."""

import os

bind = f"0.0.0.0:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
accesslog = "-"
errorlog = "-"
# No preload_app: each worker then loads the app, and so the policy, itself; a HUP reads the files anew.
