"""The web process. gunicorn serves `application`."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ["NOTEVAULT_PROCESS"] = "web"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "notevault.settings.production")

application = get_wsgi_application()
# The first requests would each wait for the import of every view.
import_module(settings.ROOT_URLCONF)
