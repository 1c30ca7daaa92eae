from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

from deploy.rollout.rehearsal import Elsewhere


class Migration(migrations.Migration):
    dependencies = [("rehearsal", "0003_an_index_beside_traffic")]

    operations = [
        Elsewhere(
            "payments",
            AddConstraintNotValid(
                "order",
                models.CheckConstraint(condition=models.Q(total_paise__lt=2**30), name="orders_rehearsed_total"),
            ),
        ),
    ]
