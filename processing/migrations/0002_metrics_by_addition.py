from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("processing", "0001_squashed_0012_webhook_delivery_purpose")]

    operations = [
        migrations.RemoveConstraint(model_name="metricsample", name="one_sample_per_name_and_labels"),
        migrations.AddIndex(
            model_name="metricsample",
            index=models.Index(fields=["name", "labels"], name="processing__name_25d08e_idx"),
        ),
        migrations.RenameModel(old_name="MetricTenant", new_name="MetricLabel"),
        migrations.RenameField(model_name="metriclabel", old_name="slug", new_name="value"),
        migrations.AlterField(model_name="metriclabel", name="value", field=models.CharField(max_length=80)),
        migrations.AddField(
            model_name="metriclabel",
            name="label",
            field=models.CharField(default="tenant_id", max_length=40),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            model_name="metriclabel",
            constraint=models.UniqueConstraint(fields=("label", "value"), name="one_row_per_label_and_value"),
        ),
    ]
