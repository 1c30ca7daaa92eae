"""The web process. gunicorn serves `application`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["NOTEVAULT_PROCESS"] = "web"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notevault.settings.production")

application = get_wsgi_application()
