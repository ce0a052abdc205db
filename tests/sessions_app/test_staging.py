"""Uploads that wait for a person's word."""

from __future__ import annotations

import os
import time
import uuid

import pytest
from django.core.files.storage import default_storage

from sessions_app import staging
from sessions_app.errors import WrongState


@pytest.fixture(autouse=True)
def storage(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    settings.STAGING_SECONDS = 3600
    return tmp_path


SESSION = uuid.uuid4()
FILES = [("Bundles.csv", b"Name\nA\n"), ("../../etc/passwd", b"\0\1\2")]


def files_in(folder) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def grow_old(folder, seconds: float = 7200) -> None:
    then = time.time() - seconds
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


def test_a_batch_can_be_read_again():
    made = staging.stage(SESSION, FILES)

    batch = staging.load(SESSION, made.id)

    assert [(staged.number, staged.filename, staged.size) for staged in batch.files] == [
        (0, "Bundles.csv", 7),
        (1, "../../etc/passwd", 3),
    ]
    assert [batch.bytes_of(staged) for staged in batch.files] == [data for _, data in FILES]


def test_names_of_strangers_are_no_names_of_files(storage):
    batch = staging.stage(SESSION, FILES)

    folder = f"staging/{SESSION}/{batch.id}"
    assert files_in(storage) == [f"{folder}/0.bin", f"{folder}/1.bin", f"{folder}/index.json"]


def test_choices_are_kept_with_the_batch():
    batch = staging.stage(SESSION, FILES)
    batch.files[0].choices[""] = {"csv_type": "menus", "exclusions": {"X": ["d", ""]}}

    batch.save()

    assert staging.load(SESSION, batch.id).files[0].choices == {
        "": {"csv_type": "menus", "exclusions": {"X": ["d", ""]}}
    }


def test_two_drops_do_not_touch_each_other():
    one, other = staging.stage(SESSION, FILES), staging.stage(SESSION, FILES[:1])

    one.discard()

    assert staging.load(SESSION, one.id) is None
    assert len(staging.load(SESSION, other.id).files) == 1


def test_a_batch_belongs_to_one_session():
    batch = staging.stage(SESSION, FILES)

    assert staging.load(uuid.uuid4(), batch.id) is None


def test_a_discarded_batch_leaves_nothing(storage):
    batch = staging.stage(SESSION, FILES)

    batch.discard()
    staging.prune()

    assert files_in(storage) == []
    assert not (storage / "staging" / str(SESSION)).exists()


def test_a_file_that_vanished_in_the_meantime_ends_the_preview_calmly():
    batch = staging.stage(SESSION, FILES)
    default_storage.delete(f"{batch.folder}/0.bin")

    with pytest.raises(WrongState, match="Upload the files again"):
        batch.bytes_of(batch.files[0])


def test_old_batches_are_pruned_and_young_ones_stay(storage):
    old = staging.stage(SESSION, FILES)
    grow_old(storage)
    young = staging.stage(SESSION, FILES)

    assert staging.prune() == 1

    assert staging.load(SESSION, old.id) is None
    assert staging.load(SESSION, young.id) is not None


def test_a_batch_that_somebody_works_on_stays(storage):
    batch = staging.stage(SESSION, FILES)
    grow_old(storage)
    batch.save()

    assert staging.prune() == 0


def test_a_half_written_batch_is_pruned_too(storage):
    batch = staging.stage(SESSION, FILES)
    default_storage.delete(f"{batch.folder}/index.json")
    grow_old(storage)

    assert staging.prune() == 1

    assert files_in(storage) == []


def test_without_a_staging_area_there_is_nothing_to_prune():
    assert staging.prune() == 0
