from urllib.parse import quote, urlencode

from django.db import connection


def database_url():
    """Of this test's own database, for a process of its own."""
    given = connection.settings_dict
    where = urlencode({"host": given["HOST"], "port": given["PORT"]})
    sign_in = f"{quote(given['USER'])}:{quote(given['PASSWORD'])}"
    return f"postgresql://{sign_in}@/{given['NAME']}?{where}"
