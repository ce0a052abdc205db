"""Messages that are signed anew and sent again: each signature has a row, and only the first must be alone."""

import django.db.models.deletion
from django.db import migrations, models


def forget_repetitions(apps, schema_editor):
    """Before this there was one row for each delivery."""
    apps.get_model("processing", "WebhookDelivery").objects.exclude(repeats=None).delete()


class Migration(migrations.Migration):

    dependencies = [("processing", "0002_metrics_by_addition")]

    operations = [
        migrations.RemoveConstraint(model_name="webhookdelivery", name="one_delivery_per_id"),
        migrations.AddField(
            model_name="webhookdelivery",
            name="body",
            field=models.CharField(db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="webhookdelivery",
            name="repeats",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="repetitions",
                to="processing.webhookdelivery",
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.UniqueConstraint(
                condition=models.Q(("repeats", None)),
                fields=("workspace", "purpose", "delivery_id"),
                name="one_first_delivery_per_id",
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, forget_repetitions),
    ]
