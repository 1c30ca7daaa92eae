"""For the migration in the middle of the play alone: ours, and the rehearsal's beside them."""

from notevault.settings.local import *  # noqa: F403
from notevault.settings.local import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "deploy.rollout.rehearsal"]
