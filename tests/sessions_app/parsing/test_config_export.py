"""Drupal's config.tar.gz: what is refused, what is left out, and what every tab says of the rest."""

import csv
import gzip
import io
import json
import random
import re
import tarfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import yaml

from sessions_app.parsing.config_export import (
    DEFAULT_LIMITS,
    ArchiveLimits,
    ConfigExport,
    documents,
    read_config_export,
)
from sessions_app.parsing.csv_types import CSV_TYPES
from sessions_app.parsing.tables import UnreadableFile

SPECS = (Path(__file__).parents[3] / "../shared/data/specs").resolve()
SITES = ("drupal-core-standard-profile", "umami", "open-social")
FILES = {
    "bundles": "Bundles",
    "fields": "Fields",
    "view_modes": "ViewModes",
    "menus": "Menus",
    "image_styles": "ImageStyles",
    "image_effects": "ImageEffects",
    "responsive_image_styles": "ResponsiveImageStyles",
    "views": "Views",
    "view_displays": "ViewsDisplays",
    "migrations": "Migrations",
    "workflows": "Workflows",
    "workflow_states": "WorkflowStates",
    "workflow_transitions": "WorkflowTransitions",
    "user_roles": "UserRoles",
}

Files = Mapping[str, str | bytes]

ARTICLE: Files = {"node.type.article.yml": "name: Article\ntype: article\n"}


def archive(files: Files, *, tar_format: int = tarfile.USTAR_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tar_format) as tar:
        for name, content in files.items():
            add(tar, name, content if isinstance(content, bytes) else content.encode())
    return packed.getvalue()


def add(tar: tarfile.TarFile, name: str, content: bytes = b"", **header: object) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in header.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(content))


def read(files: Files, limits: ArchiveLimits = DEFAULT_LIMITS) -> ConfigExport:
    return read_config_export(archive(files), limits)


def rows(export: ConfigExport, csv_type: str) -> list[dict[str, str]]:
    found = [table for table in export.tables if table.csv_type == csv_type]
    return [dict(zip(table.headers, row.cells, strict=True)) for table in found for row in table.rows]


def only_row(files: Files, csv_type: str) -> dict[str, str]:
    (row,) = rows(read(files), csv_type)
    return row


def codes(export: ConfigExport) -> dict[str, str]:
    return {warning.code: warning.message for warning in export.warnings}


def refusal(data: bytes, limits: ArchiveLimits = DEFAULT_LIMITS) -> str:
    with pytest.raises(UnreadableFile) as refused:
        read_config_export(data, limits)
    return refused.value.code


# The archive


@pytest.mark.parametrize("tar_format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("folder", ["", "./", "config/sync/", "a" * 95 + "/", "f" * 60 + "/" + "g" * 80 + "/"])
def test_objects_are_found_by_base_name_in_every_dialect_of_tar(tar_format: int, folder: str) -> None:
    data = archive({f"{folder}node.type.article.yml": "name: Article"}, tar_format=tar_format)

    assert rows(read_config_export(data), "bundles")[0]["Machine name"] == "article"


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("length", [99, 100, 101, 155, 256, 300, 2000])
def test_long_names_survive_wherever_their_first_hundred_bytes_end(tar_format: int, length: int) -> None:
    name = "d" * (length - len("/node.type.long.yml")) + "/node.type.long.yml"
    after = {"node.type.after.yml": "name: After"}

    export = read_config_export(archive({name: "name: Long", **after}, tar_format=tar_format))

    assert [row["Name"] for row in rows(export, "bundles")] == ["After", "Long"]


def test_a_long_name_whose_cut_ends_in_a_slash_is_still_a_file() -> None:
    """The short name in the header then looks like a folder; open-social's archive has such names."""
    name = "x" * 99 + "/" + "node.type.cut.yml"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.GNU_FORMAT) as tar:
        add(tar, name, b"name: Cut", type=tarfile.AREGTYPE)
        add(tar, "node.type.old-folder.yml/", type=tarfile.AREGTYPE)
        add(tar, "node.type.next.yml", b"name: Next")

    export = read_config_export(packed.getvalue())

    assert [row["Name"] for row in rows(export, "bundles")] == ["Cut", "Next"]
    assert export.warnings == ()


def test_a_size_stands_in_the_extended_header_where_the_header_has_no_room_for_it() -> None:
    def packed(kind: bytes, size: bytes) -> bytes:
        record = b"%d size=%b\n" % (len(size) + 9, size)
        extended = tarfile.TarInfo("x")
        extended.type, extended.size = tarfile.XHDTYPE, len(record)
        header = tarfile.TarInfo("node.type.big.yml")
        header.type = kind
        content = b"name: Big".ljust(512, b"\0") if kind == tarfile.REGTYPE else b""
        after = tarfile.TarInfo("node.type.next.yml")
        after.size = 10
        headers = extended.tobuf() + record.ljust(512, b"\0") + header.tobuf() + content
        return gzip.compress(headers + after.tobuf() + b"name: Next".ljust(512, b"\0"))

    file, link = read_config_export(packed(tarfile.REGTYPE, b"9")), read_config_export(packed(tarfile.SYMTYPE, b"9"))

    assert [row["Name"] for row in rows(file, "bundles")] == ["Big", "Next"]
    assert [row["Name"] for row in rows(link, "bundles")] == ["Next"]
    assert refusal(packed(tarfile.REGTYPE, b"-9")) == "archive_damaged"


def test_a_header_that_belies_its_checksum_is_damage() -> None:
    stream = gzip.decompress(archive({**ARTICLE, "node.type.page.yml": "name: Page"}))

    assert refusal(gzip.compress(stream.replace(b"node.type.page", b"node.type.cage"))) == "archive_damaged"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(b"", "not_an_archive", id="nothing"),
        pytest.param(b"Name,Machine name\n", "not_an_archive", id="csv"),
        pytest.param(b"PK\x03\x04 zip", "not_an_archive", id="zip"),
        pytest.param(gzip.compress(b"Name,Machine name\n" * 1000), "not_an_archive", id="csv in gzip"),
        pytest.param(gzip.compress(b"short"), "not_an_archive", id="few bytes in gzip"),
        pytest.param(b"\x1f\x8b and no more", "archive_damaged", id="signature only"),
        pytest.param(archive(ARTICLE)[:-30], "archive_damaged", id="cut off"),
        pytest.param(archive(ARTICLE)[:-8] + bytes(8), "archive_damaged", id="wrong checksum"),
        pytest.param(
            gzip.compress(gzip.decompress(archive(ARTICLE))[:520]), "archive_damaged", id="tar cut in content"
        ),
        pytest.param(
            gzip.compress(gzip.decompress(archive(ARTICLE))[:1100]), "archive_damaged", id="tar cut in header"
        ),
        pytest.param(archive({}), "config_without_entities", id="no members"),
        pytest.param(archive({"system.site.yml": "name: Site"}), "config_without_entities", id="nothing to build"),
        pytest.param(archive({"node.type.yml": "", "node.type..yml": ""}), "config_without_entities", id="no ids"),
        pytest.param(archive({"node.type.article.yml": "]["}), "config_without_entities", id="broken yaml only"),
    ],
)
def test_what_is_no_usable_export_is_refused_by_name(data: bytes, code: str) -> None:
    assert refusal(data) == code


def test_a_refusal_for_want_of_entities_tells_what_was_left_out() -> None:
    with pytest.raises(UnreadableFile, match=r"node\.type\.article\.yml"):
        read({"node.type.article.yml": "]["})


def test_too_many_members_are_refused() -> None:
    files = {f"node.type.a{number}.yml": "name: A" for number in range(11)}

    assert len(rows(read(files, replace(DEFAULT_LIMITS, max_members=11)), "bundles")) == 11
    assert refusal(archive(files), replace(DEFAULT_LIMITS, max_members=10)) == "archive_too_many_members"


def test_bytes_are_counted_while_unpacking() -> None:
    noise = random.Random(1).randbytes(300_000)
    data = archive({**ARTICLE, "noise.bin": noise})

    assert refusal(data, replace(DEFAULT_LIMITS, max_unpacked=200_000)) == "archive_too_large"
    assert rows(read_config_export(data, replace(DEFAULT_LIMITS, max_unpacked=400_000)), "bundles")


def bomb(megabytes: int, header: bytes = b"") -> bytes:
    """A small file that unpacks to zeros without end: gzip members may follow one another."""
    return gzip.compress(header) + gzip.compress(bytes(1024 * 1024)) * megabytes


def lying_header(kind: bytes, size: int) -> bytes:
    info = tarfile.TarInfo("node.type.bomb.yml")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        lying_header(tarfile.REGTYPE, 800 * 1024 * 1024),
        lying_header(tarfile.REGTYPE, 10**15),
        lying_header(b"Z", 800 * 1024 * 1024),
    ],
)
def test_a_decompression_bomb_stops_early_in_little_memory(header: bytes) -> None:
    data = bomb(800, header)
    tracemalloc.start()

    code = refusal(data)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert code in {"archive_ratio", "archive_too_large"}
    assert peak < 4 * 1024 * 1024


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGLINK])
def test_an_extended_header_of_any_size_takes_no_memory(kind: bytes) -> None:
    data = bomb(400, lying_header(kind, 400 * 1024 * 1024))
    tracemalloc.start()

    code = refusal(data)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert code in {"archive_damaged", "archive_ratio", "archive_too_large"}
    assert peak < 4 * 1024 * 1024


def test_a_long_chain_of_extended_headers_is_no_recursion() -> None:
    name = b"node.type.article.yml\0"
    link = lying_header(tarfile.GNUTYPE_LONGNAME, len(name)) + name.ljust(512, b"\0")
    article = tarfile.TarInfo("short")
    article.size = 13
    content = article.tobuf() + b"name: Article".ljust(512, b"\0") + bytes(1024)

    export = read_config_export(gzip.compress(link * 900 + content))

    assert rows(export, "bundles")[0]["Machine name"] == "article"


def test_links_devices_and_names_that_lead_outside_are_skipped_with_one_warning_each() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        add(tar, "node.type.soft.yml", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        add(tar, "node.type.hard.yml", type=tarfile.LNKTYPE, linkname="node.type.article.yml")
        add(tar, "node.type.device.yml", type=tarfile.CHRTYPE)
        for path in ("/node.type.a.yml", "../node.type.b.yml", "x/../../node.type.c.yml", "x\\..\\node.type.d.yml"):
            add(tar, path, b"name: Outside")
        add(tar, "C:\\node.type.e.yml", b"name: Outside")
        add(tar, "folder", type=tarfile.DIRTYPE)
        add(tar, "node.type.article.yml", b"name: Article")

    export = read_config_export(packed.getvalue())

    assert [row["Name"] for row in rows(export, "bundles")] == ["Article"]
    assert {warning.code: warning.value for warning in export.warnings} == {
        "config_links": "3",
        "config_unsafe_names": "5",
    }


def test_a_member_above_the_size_is_skipped_and_named() -> None:
    files = {**ARTICLE, "node.type.fat.yml": "name: Fat\n" + "#" * 600}

    export = read(files, replace(DEFAULT_LIMITS, max_member=500))

    assert [row["Name"] for row in rows(export, "bundles")] == ["Article"]
    assert "node.type.fat.yml" in codes(export)["config_too_large"]
    assert len(rows(read(files, replace(DEFAULT_LIMITS, max_member=610)), "bundles")) == 2


def test_many_left_out_files_make_one_warning_with_a_count() -> None:
    export = read({**ARTICLE, **{f"node.type.bad{number}.yml": "[" for number in range(1234)}})

    (warning,) = export.warnings
    assert warning.value == "1234"
    assert "1,234" in warning.message
    assert len(warning.message) < 1000


def test_a_hostile_file_name_is_harmless_in_a_warning() -> None:
    export = read({**ARTICLE, "node.type.a\r\n\x1b[31m\u202eb.yml": "["})

    (warning,) = export.warnings
    assert warning.message.isprintable()
    assert "\u202e" not in warning.message


def test_damaged_bytes_never_raise_anything_but_a_refusal() -> None:
    """Flip bytes of the tar stream at random; every outcome is an export or a reason."""
    generator = random.Random(7)
    whole = gzip.decompress(
        archive({f"node.type.a{n}.yml": "name: A" for n in range(5)}, tar_format=tarfile.PAX_FORMAT)
    )
    outcomes = Counter[str]()

    for _ in range(1500):
        damaged = bytearray(whole)
        for _ in range(generator.randint(1, 4)):
            damaged[generator.randrange(len(whole))] = generator.randrange(256)
        try:
            read_config_export(gzip.compress(bytes(damaged), 1))
        except UnreadableFile as refused:
            outcomes[refused.code] += 1
        else:
            outcomes["read"] += 1

    assert outcomes["read"]
    assert outcomes["archive_damaged"]


# Which files count


def test_translations_are_left_out_and_language_entities_are_not_taken_for_them() -> None:
    settings = (
        "target_entity_type_id: node\ntarget_bundle: article\n"
        "third_party_settings:\n  content_translation:\n    enabled: true\n"
    )
    export = read(
        {
            "language/es/node.type.article.yml": "name: Artículo",
            "config/sync/language/zh-hans/node.type.page.yml": "name: 页面",
            "modules/language/config/install/language.content_settings.node.article.yml": settings,
            f"language/{'x' * 75}/node.type.article.yml": "name: Artículo",
            "language.entity.es.yml": "id: es",
            **ARTICLE,
        }
    )

    (bundle,) = rows(export, "bundles")
    assert (bundle["Name"], bundle["Trns."]) == ("Article", "y")
    assert [(warning.code, warning.value) for warning in export.warnings] == [("config_translations", "3")]


@pytest.mark.parametrize(("second", "warned"), [("name: Article\ntype: article\n", False), ("name: Other", True)])
def test_the_first_of_two_copies_counts_and_only_a_difference_is_worth_a_word(second: str, warned: bool) -> None:
    export = read({**ARTICLE, "modules/node/node.type.article.yml": second})

    assert [row["Name"] for row in rows(export, "bundles")] == ["Article"]
    assert ("config_duplicates" in codes(export)) is warned


def test_kinds_of_object_that_make_no_ticket_are_not_even_parsed() -> None:
    assert read({**ARTICLE, "block.block.broken.yml": "][", "README.txt": "]["}).warnings == ()


# YAML


@pytest.fixture(params=["libyaml", "python"])
def yaml_loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answers with and without the C library."""
    if request.param == "python":
        monkeypatch.setattr(documents, "_LOADER", yaml.SafeLoader)


@pytest.mark.usefixtures("yaml_loader")
@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("Article", "Article"),
        ("1.10", "1.10"),
        ("2026-01-02", "2026-01-02"),
        ("no", "no"),
        ("0x1F", "0x1F"),
        ("'null'", "null"),
        ("  'trimmed '", "trimmed"),
        ('"two\\nlines"', "two\nlines"),
        ('"nul\\0byte"', "nulbyte"),
        ("!!python/object:os.system boom", "boom"),
        ("caf\u0096bar", "caf\u2013bar"),
        ("a\u0081b", "a\ufffdb"),
    ],
)
def test_scalars_keep_the_spelling_of_the_file(written: str, read_as: str) -> None:
    assert only_row({"node.type.a.yml": f"name: {written}\n"}, "bundles")["Name"] == read_as


@pytest.mark.usefixtures("yaml_loader")
@pytest.mark.parametrize("null", ["", "null", "~"])
def test_a_null_is_no_text(null: str) -> None:
    assert only_row({"node.type.a.yml": f"name: {null}\ndescription: {null}"}, "bundles")["Name"] == "a"


@pytest.mark.usefixtures("yaml_loader")
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a: [", "(line "),
        (b"a: b\n\tc: d", "line 2"),
        (b"a: \xff", "not UTF-8"),
        (b"a: \x01", "does not allow"),
        (b"- a\n- b\n", "not a configuration object"),
        (b"", "not a configuration object"),
        (b"? [a, b]\n: c", "used as a key"),
        (b"a: *nowhere", "alias without an anchor"),
        (b"a: &self [*self]", "alias without an anchor"),
        (b"a: " + b"[" * 500, "nested too deeply"),
    ],
)
def test_yaml_that_cannot_be_read_is_skipped_and_named_with_the_reason(content: bytes, reason: str) -> None:
    export = read({**ARTICLE, "node.type.bad.yml": content})

    assert len(rows(export, "bundles")) == 1
    assert "node.type.bad.yml (" in codes(export)["config_unreadable"]
    assert reason in codes(export)["config_unreadable"]


def test_a_few_aliases_are_read_and_a_billion_laughs_are_not() -> None:
    fine = "name: &n Article\ndescription: *n\n"
    laughs = "a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol,lol]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
    )
    export = read({"node.type.article.yml": fine, "node.type.bomb.yml": laughs})

    (bundle,) = rows(export, "bundles")
    assert bundle["Description"] == "Article"
    assert "aliases that multiply" in codes(export)["config_unreadable"]


def test_an_alias_costs_as_much_as_the_text_that_it_repeats() -> None:
    long = "a: &a '" + "x" * 1_000_000 + "'\nb: [" + "*a," * 20 + "]"

    assert "aliases that multiply" in codes(read({**ARTICLE, "node.type.bomb.yml": long}))["config_unreadable"]


def test_a_label_repeated_in_every_row_has_a_bound() -> None:
    effects = "".join(f"  e{number}: {{id: image_scale}}\n" for number in range(300))

    assert (
        refusal(archive({"image.style.a.yml": f"label: {'x' * 100_000}\neffects:\n{effects}"})) == "config_too_complex"
    )


def test_all_files_together_have_a_bound_even_the_unreadable_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "NODES_PER_DOCUMENT", 50)
    monkeypatch.setattr(documents.Budget.__init__, "__defaults__", (200,))
    long = "a: [" + "b," * 60 + "]"

    assert len(rows(read({**ARTICLE, "node.type.z0.yml": long}), "bundles")) == 1
    assert refusal(archive({**ARTICLE, **{f"node.type.z{n}.yml": long for n in range(5)}})) == "config_too_complex"


KEYS = """name label description display effects type_settings third_party_settings settings default_value content
source destination process migration_dependencies image_style_mappings permissions selection_criteria status weight
id field_type fallback_image_style required translatable cardinality is_admin base_table"""
NAMES = """node.type.a field.field.node.a.f field.field.node field.field.node.a field.storage.node.f views.view.v
image.style.i responsive_image.styles.r core.entity_view_mode.node.m core.entity_view_mode.m pathauto.pattern.p
core.entity_form_display.node.a.default core.entity_view_display.node.a.m core.entity_view_display.x media.type.m
workflows.workflow.w user.role.r system.menu.m migrate_plus.migration.m language.content_settings.node.a crop.type.c"""
STRANGE = ("", "x", "[]", "{}", "[x, [y], {z: w}]", "{a: [b], c: {d: e}}", "-1", "null", "{a: {a: {a: a}}}")


def test_objects_of_a_strange_shape_make_poor_rows_but_no_error() -> None:
    for value in STRANGE:
        export = read({f"{name}.yml": "".join(f"{key}: {value}\n" for key in KEYS.split()) for name in NAMES.split()})

        assert "config_unreadable" not in codes(export)
        assert len(rows(export, "bundles")) == 2


def test_a_large_site_is_read_in_seconds() -> None:
    fields = {f"field.field.node.article.field_{n}.yml": FIELD_TAGS + "# padding\n" * 20 for n in range(2700)}
    storages = {f"field.storage.node.field_{n}.yml": "type: entity_reference\ncardinality: 1" for n in range(2700)}
    data = archive({**ARTICLE, **fields, **storages})
    began = time.perf_counter()

    export = read_config_export(data)

    assert time.perf_counter() - began < 8
    assert len(rows(export, "fields")) == 2700


# The tabs


def test_every_table_has_the_columns_of_its_tab_and_its_rows_know_their_object() -> None:
    export = read({**ARTICLE, "node.type.page.yml": "name: Page", "system.menu.main.yml": "label: Main"})

    for table in export.tables:
        assert set(table.headers) <= set(CSV_TYPES[table.csv_type].column_names)
        assert all(len(row.cells) == len(table.headers) for row in table.rows)
    bundles = export.tables[0]
    assert [(row.number, row.line, row.origin) for row in bundles.rows] == [
        (1, 1, "node.type.article.yml"),
        (2, 2, "node.type.page.yml"),
    ]
    assert [row["X"] for row in rows(export, "bundles")] == ["a", "a"]


@pytest.mark.parametrize(
    ("name", "content", "label", "kind"),
    [
        ("node.type.a", "name: A", "A", "Content type"),
        ("taxonomy.vocabulary.a", "name: A", "A", "Vocabulary"),
        ("media.type.a", "label: A", "A", "Media type"),
        ("paragraphs.paragraphs_type.a", "label: A", "A", "Paragraph type"),
        ("block_content.type.a", "label: A", "A", "Custom block type"),
        ("block_content.type.a", "label: ''", "a", "Custom block type"),
    ],
)
def test_bundles_of_five_kinds(name: str, content: str, label: str, kind: str) -> None:
    row = only_row({f"{name}.yml": content}, "bundles")

    assert (row["Name"], row["Machine name"], row["Type"]) == (label, "a", kind)


def test_comment_types_are_no_bundles_of_a_specification() -> None:
    assert len(rows(read({**ARTICLE, "comment.type.comment.yml": "label: Comment"}), "bundles")) == 1


EDITORIAL = """
label: Editorial
type: content_moderation
type_settings:
  states:
    published: {label: Published, weight: 1, published: true, default_revision: true}
    draft: {label: Draft, weight: -5, published: false, default_revision: false}
  transitions:
    publish: {label: Publish, from: [draft, published], to: published, weight: 1}
    create_new_draft: {label: Create New Draft, from: [published], to: draft, weight: 0}
    orphan: {label: Orphan, from: {}, to: gone, weight: 2}
  entity_types:
    node: [article, missing]
"""

WORKFLOW_FILES: Files = {
    **ARTICLE,
    "workflows.workflow.editorial.yml": EDITORIAL,
    "user.role.author.yml": "label: Author\nweight: 2\npermissions: ['use editorial transition create_new_draft']",
    "user.role.editor.yml": (
        "label: Editor\nweight: 1\npermissions: ['use editorial transition publish', "
        "'use editorial transition create_new_draft', 'access content']"
    ),
    "user.role.admin.yml": "label: Administrator\nweight: 9\nis_admin: true\npermissions: {  }",
    "user.role.nobody.yml": "label: Nobody\nweight: 5\npermissions: {  }",
}


def test_a_workflow_names_its_bundles_and_a_bundle_its_workflow() -> None:
    export = read(WORKFLOW_FILES)

    (workflow,) = rows(export, "workflows")
    (bundle,) = rows(export, "bundles")
    assert workflow["Type"] == "Content moderation"
    assert workflow["Notes"] == "Used on: Article (Content type), missing (Content type)"
    assert (bundle["Mod."], bundle["Settings/notes"]) == ("y", "Workflow: Editorial")


def test_states_and_transitions_come_in_drupals_order_with_a_row_per_from_state() -> None:
    export = read(WORKFLOW_FILES)

    assert [(row["Label"], row["Notes"]) for row in rows(export, "workflow_states")] == [
        ("Draft", ""),
        ("Published", "published, default_revision"),
    ]
    assert [
        (row["Label"], row["From state"], row["To state"], row["Notes"]) for row in rows(export, "workflow_transitions")
    ] == [
        ("Create New Draft", "Published", "Draft", "Editor, Author can use"),
        ("Publish", "Draft", "Published", "Editor can use"),
        ("Publish", "Published", "Published", "Editor can use"),
        ("Orphan", "", "gone", ""),
    ]


def test_roles_list_what_they_may() -> None:
    notes = {row["Name"]: row["Notes"] for row in rows(read(WORKFLOW_FILES), "user_roles")}

    assert notes == {
        "Editor": "3 permissions: use editorial transition publish, use editorial transition create_new_draft, "
        "access content",
        "Author": "1 permission: use editorial transition create_new_draft",
        "Nobody": "",
        "Administrator": "All permissions (administrator role)",
    }


def test_what_other_objects_say_about_a_bundle() -> None:
    comments = "field_name: comment\nfield_type: comment\nlabel: Comments"
    row = only_row(
        {
            "node.type.article.yml": (
                "name: Article\nnew_revision: true\nthird_party_settings:\n"
                "  menu_ui: {available_menus: [main, footer]}\n  scheduler: {publish_enable: true}"
            ),
            "core.entity_view_display.node.article.full.yml": (
                "status: true\nthird_party_settings: {layout_builder: {enabled: true}}"
            ),
            "field.field.node.article.comment.yml": comments,
            "field.field.node.article.field_meta.yml": "field_type: metatag\nlabel: Meta",
            "migrate_plus.migration.articles.yml": (
                "label: Articles\ndestination: {plugin: 'entity:node', default_bundle: article}"
            ),
            "pathauto.pattern.all.yml": "type: 'canonical_entities:node'\npattern: '/all/[node:title]'\nweight: -9",
            "pathauto.pattern.own.yml": (
                "type: 'canonical_entities:node'\npattern: '/articles/[node:title]'\nweight: 3\n"
                "selection_criteria:\n  abc: {id: 'entity_bundle:node', bundles: {article: article}}"
            ),
        },
        "bundles",
    )

    flags = ("Mod.", "Layout", "Trns.", "Migr.", "Cmnt.", "Meta.", "Sched.")
    assert "".join(row[flag] for flag in flags) == "nynyyyy"
    assert row["URL alias pattern"] == "/articles/[node:title]"
    assert row["Settings/notes"] == "Create new revision by default; Available menus: main, footer"


def test_a_pattern_for_all_bundles_serves_those_without_their_own() -> None:
    pattern = "type: 'canonical_entities:node'\npattern: '[node:title]'\nselection_criteria: {  }"

    assert only_row({**ARTICLE, "pathauto.pattern.p.yml": pattern}, "bundles")["URL alias pattern"] == "[node:title]"
    assert only_row(ARTICLE, "bundles")["URL alias pattern"] == "-"


FIELD_TAGS = """
label: 'Tags, main'
description: "Help <em>text</em>\\nin two lines "
required: true
translatable: true
field_type: entity_reference
settings:
  handler: 'default:taxonomy_term'
  handler_settings:
    target_bundles: {tags: tags, gone: gone}
"""

FIELD_FILES: Files = {
    **ARTICLE,
    "taxonomy.vocabulary.tags.yml": "name: Tags",
    "field.field.node.article.field_tags.yml": FIELD_TAGS,
    "field.storage.node.field_tags.yml": (
        "type: entity_reference\ncardinality: -1\ntranslatable: true\nsettings: {target_type: taxonomy_term}"
    ),
    "core.entity_form_display.node.article.default.yml": (
        "content: {field_tags: {type: entity_reference_autocomplete_tags}}\n"
        "third_party_settings: {field_group: {group_x: {children: [field_tags], label: Sorting}}}"
    ),
    "core.base_field_override.node.article.title.yml": "label: Title\nfield_type: string",
}


def test_a_field_joins_its_storage_and_its_form() -> None:
    row = only_row(FIELD_FILES, "fields")

    assert row == {
        "ID": "",
        "Bundle": "Article (Content type)",
        "Field label": "Tags, main",
        "Machine name": "field_tags",
        "X": "a",
        "Dev": "",
        "QA": "",
        "Field group": "Sorting",
        "Field type": "Entity reference",
        "Ref. bundle": "Tags (Vocabulary), gone (Vocabulary)",
        "Req'd": "y",
        "Vals.": "*",
        "Form widget": "Autocomplete (Tags style)",
        "Trns.": "y",
        "Settings/notes": "",
        "Help text": "Help <em>text</em>\nin two lines",
        "Bundle machine name": "article",
    }


FIELD = "field.field.node.article.field_x.yml"
STORAGE = "field.storage.node.field_x.yml"
FORM = "core.entity_form_display.node.article.default.yml"


@pytest.mark.parametrize(
    ("files", "column", "value"),
    [
        ({FIELD: "field_type: string"}, "Vals.", "1"),
        ({FIELD: "field_type: string", STORAGE: "cardinality: 3"}, "Vals.", "3"),
        ({FIELD: "field_type: string"}, "Form widget", ""),
        ({FIELD: "field_type: string", FORM: "content: {  }"}, "Form widget", "-- Disabled --"),
        ({FIELD: "field_type: x", FORM: "content: {field_x: {type: contrib_widget}}"}, "Form widget", "contrib_widget"),
        ({FIELD: "field_type: text_with_summary"}, "Field type", "Text (formatted, long, with summary)"),
        ({FIELD: "field_type: contrib_type"}, "Field type", "contrib_type"),
        ({FIELD: "label: X", STORAGE: "type: integer"}, "Field type", "Number (integer)"),
        ({FIELD: "field_type: string\nrequired: false"}, "Req'd", "n"),
        ({FIELD: "field_type: string\ntranslatable: true"}, "Trns.", "y"),
        ({FIELD: "field_type: string\ntranslatable: true", STORAGE: "translatable: false"}, "Trns.", "n"),
        ({FIELD: "field_type: file\nsettings: {file_extensions: 'pdf txt'}"}, "Settings/notes", "Extensions: pdf txt"),
        (
            {
                FIELD: "field_type: list_string\ndefault_value: [{value: b}]",
                STORAGE: "settings: {allowed_values: [{value: a, label: First}, {value: b, label: 'Second, best'}]}",
            },
            "Settings/notes",
            "Allowed values: First, Second, best; Default: b",
        ),
        (
            {FIELD: "field_type: list_integer", STORAGE: "settings: {allowed_values: {1: One, 2: Two}}"},
            "Settings/notes",
            "Allowed values: One, Two",
        ),
        (
            {
                FIELD: "field_type: entity_reference\n"
                "settings: {handler: views, handler_settings: {view: {view_name: v}}}",
                STORAGE: "settings: {target_type: node}",
            },
            "Settings/notes",
            "Filtered by view v",
        ),
        (
            {
                FIELD: "field_type: dynamic_entity_reference\nsettings:\n"
                "  node: {handler: views, handler_settings: {view: {view_name: v}}}\n"
                "  user: {handler: views, handler_settings: {view: {view_name: unused}}}",
                STORAGE: "settings: {entity_type_ids: {node: node}}",
            },
            "Settings/notes",
            "Filtered by view v",
        ),
        (
            {
                FIELD: "field_type: entity_reference\nsettings: {handler_settings: {target_bundles: {user: user}}}",
                STORAGE: "settings: {target_type: user}",
            },
            "Settings/notes",
            "Reference: any user",
        ),
        (
            {
                FIELD: "field_type: entity_reference\n"
                "settings: {handler_settings: {negate: 1, target_bundles: {article: article}}}",
                STORAGE: "settings: {target_type: node}",
            },
            "Settings/notes",
            "Reference: any node except Article (Content type)",
        ),
        (
            {
                FIELD: "field_type: entity_reference\n"
                "settings: {handler_settings: {negate: 1, target_bundles: {article: article}}}",
                STORAGE: "settings: {target_type: node}",
            },
            "Ref. bundle",
            "",
        ),
        (
            {
                FIELD: "field_type: entity_reference\n"
                "settings: {handler: 'default:group', handler_settings: {target_bundles: {club: club}}}",
                "group.type.club.yml": "label: Club",
            },
            "Ref. bundle",
            "Club (Group type)",
        ),
    ],
)
def test_the_cells_of_a_field(files: Files, column: str, value: str) -> None:
    assert only_row({**ARTICLE, **files}, "fields")[column] == value


def test_fields_without_a_tab_are_counted_per_entity_type_not_listed() -> None:
    export = read(
        {
            **FIELD_FILES,
            "field.field.user.user.user_picture.yml": "label: Picture",
            "field.field.profile.main.field_a.yml": "label: A",
            "field.field.profile.main.field_b.yml": "label: B",
        }
    )

    assert len(rows(export, "fields")) == 1
    assert codes(export)["config_other_entity_types"].endswith("(3): profile, user.")


def test_view_modes_name_the_bundles_whose_display_is_on() -> None:
    row = only_row(
        {
            **ARTICLE,
            "node.type.page.yml": "name: Basic page",
            "node.type.recipe.yml": "name: Recipe",
            "core.entity_view_mode.node.teaser.yml": "label: Teaser",
            "core.entity_view_display.node.article.teaser.yml": "status: true",
            "core.entity_view_display.node.page.teaser.yml": "status: true",
            "core.entity_view_display.node.recipe.teaser.yml": "status: false",
            "core.entity_view_display.node.recipe.default.yml": "status: true",
        },
        "view_modes",
    )

    assert (row["View Modes"], row["Machine name"], row["Entity Type"]) == ("Teaser", "teaser", "Content type")
    assert row["Entities Used On"] == "Article, Basic page"


STYLE = """
label: Wide
effects:
  b: {id: image_convert_avif, weight: 2, data: {extension: webp}}
  a: {id: image_scale_and_crop, weight: 1, data: {width: 300, height: 200}}
  c: {id: crop_crop, weight: 3, data: {crop_type: hero}}
  d: {id: image_scale, weight: 4, data: {width: 400, height: null}}
  e: {id: image_scale, weight: 5, data: {height: 50}}
  f: {id: image_convert, weight: 6, data: {extension: png}}
  g: {id: contrib_effect, weight: 7, data: {mode: fast, empty: ''}}
  h: {id: image_desaturate, weight: 8, data: {  }}
"""


def test_image_effects_come_in_the_order_in_which_they_are_applied() -> None:
    export = read({"image.style.wide.yml": STYLE, "crop.type.hero.yml": "label: Hero"})

    assert [(row["Effect"], row["Summary"]) for row in rows(export, "image_effects")] == [
        ("Scale and crop", "300\N{MULTIPLICATION SIGN}200"),
        ("Convert to AVIF", "fallback: webp"),
        ("Manual crop", "uses Hero crop type"),
        ("Scale", "width 400"),
        ("Scale", "height 50"),
        ("Convert", "png"),
        ("contrib_effect", "mode: fast"),
        ("Desaturate", ""),
    ]
    assert {row["Image style"] for row in rows(export, "image_effects")} == {"Wide"}
    assert rows(export, "image_styles")[0]["Notes"].endswith("Convert png; contrib_effect mode: fast; Desaturate")


RESPONSIVE = """
label: Hero
breakpoint_group: theme
fallback_image_style: wide
image_style_mappings:
  - {breakpoint_id: theme.big, multiplier: 1x, image_mapping_type: image_style, image_mapping: wide}
  - {breakpoint_id: theme.big, multiplier: 2x, image_mapping_type: image_style, image_mapping: _empty image_}
  - {breakpoint_id: theme.all, multiplier: 1x, image_mapping_type: sizes,
     image_mapping: {sizes: 100vw, sizes_image_styles: [wide, gone]}}
"""


def test_responsive_styles_name_their_image_styles_once_each() -> None:
    files: Files = {
        "image.style.wide.yml": "label: Wide (3:1)",
        "responsive_image.styles.hero.yml": RESPONSIVE,
    }

    row = only_row(files, "responsive_image_styles")

    assert row["Breakpoints Used"] == "big (1x), big (2x), all (1x)"
    assert row["Image Style Group(s)"] == "Wide (3:1), gone"
    assert (row["Fallback Style"], row["Fallback machine name"], row["Notes"]) == ("Wide (3:1)", "wide", "")


def test_a_fallback_that_is_no_image_style_is_a_note() -> None:
    content = RESPONSIVE.replace("fallback_image_style: wide", "fallback_image_style: '_original image_'")

    row = only_row({"responsive_image.styles.hero.yml": content}, "responsive_image_styles")

    assert (row["Fallback Style"], row["Fallback machine name"]) == ("", "")
    assert row["Notes"] == "Fallback: original image"


VIEW = """
label: Recent content
status: false
base_table: node_field_data
description: 'New things.'
display:
  page_1:
    display_title: Page
    display_plugin: page
    display_options:
      display_description: For members.
      path: recent
      menu: {type: normal, title: Recent, menu_name: main}
  tab_1: {display_plugin: page, display_options: {path: recent/all, menu: {type: tab, title: All, menu_name: main}}}
  hidden: {display_plugin: page, display_options: {menu: {type: none, title: Nowhere}}}
  default:
    display_title: Default
    display_plugin: default
    display_options:
      style: {type: table}
      pager: {type: full, options: {items_per_page: 50}}
      filters: {status: {field: status, exposed: false}, title_1: {field: title, exposed: true}}
      sorts: {created: {field: created}}
      arguments: {nid: {field: nid}}
      relationships: {uid: {field: uid}}
"""


def test_views_and_their_displays() -> None:
    export = read({"views.view.recent.yml": VIEW})

    (view,) = rows(export, "views")
    assert (view["Base table"], view["Status"], view["Description"]) == ("Content", "Disabled", "New things.")
    assert [
        (row["View"], row["View ID"], row["Title"], row["Machine name"], row["Display plugin"], row["Notes"])
        for row in rows(export, "view_displays")
    ] == [
        (
            "Recent content",
            "recent",
            "Default",
            "default",
            "Default",
            (
                "Format: table. Pager: full (50 items). Filters: status, title (exposed). Sorts: created. "
                "Contextual filters: nid. Relationships: uid"
            ),
        ),
        (
            "Recent content",
            "recent",
            "Page",
            "page_1",
            "Page",
            "For members. Path: /recent. Menu: Recent (main)",
        ),
        ("Recent content", "recent", "tab_1", "tab_1", "Page", "Path: /recent/all. Tab: All"),
        ("Recent content", "recent", "hidden", "hidden", "Page", ""),
    ]


def test_menus() -> None:
    row = only_row({"system.menu.footer.yml": "label: Footer\ndescription: Site links"}, "menus")

    assert (row["Title"], row["Machine name"], row["Description"]) == ("Footer", "footer", "Site links")


@pytest.mark.parametrize(
    ("bundle_says", "bundle"),
    [
        ("destination: {plugin: 'entity:node', default_bundle: article}", "Article (Content type)"),
        (
            "destination: {plugin: 'entity:node'}\nprocess: {type: {plugin: default_value, default_value: article}}",
            "Article (Content type)",
        ),
        (
            "destination: {plugin: 'entity:node'}\nprocess: {type: [{plugin: default_value, default_value: article}]}",
            "Article (Content type)",
        ),
        ("destination: {plugin: 'entity:node'}\nprocess: {type: constants/bundle}", "Article (Content type)"),
        ("destination: {plugin: 'entity:node'}\nprocess: {type: {plugin: migration_lookup}}", ""),
        ("destination: {plugin: user_data, default_bundle: article}", ""),
    ],
)
def test_migrations(bundle_says: str, bundle: str) -> None:
    content = (
        "label: Articles\nmigration_group: old\nsource: {plugin: csv, constants: {bundle: article}}\n"
        f"migration_dependencies: {{required: [users, gone], optional: [files, absent]}}\n{bundle_says}"
    )
    files: Files = {
        **ARTICLE,
        "migrate_plus.migration.articles.yml": content,
        "migrate_plus.migration.files.yml": "label: Files",
        "migrate_plus.migration.users.yml": "label: Users",
    }

    row = rows(read(files), "migrations")[0]

    assert (row["Migration name"], row["Machine name"], row["Source"]) == ("Articles", "articles", "csv")
    assert row["Bundle"] == bundle
    assert row["Dependencies"] == "users, gone, files"
    assert row["Notes"].startswith("Migration group: old")


# Real exports


def spec(site: str, name: str) -> Path:
    path = SPECS / site / name
    if not path.exists():
        pytest.skip(f"needs shared/data/specs/{site}/{name} beside the repository")
    return path


@cache
def export_of(site: str) -> ConfigExport:
    return read_config_export(spec(site, "config.tar.gz").read_bytes())


def csv_rows(site: str, csv_type: str) -> list[dict[str, str]]:
    path = SPECS / site / f"{FILES[csv_type]}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("site", SITES)
def test_a_real_export_has_as_many_entities_as_its_spreadsheets(site: str) -> None:
    counts = json.loads(spec(site, "_counts.json").read_text(encoding="utf-8"))["counts"]
    export = export_of(site)

    measured = {FILES[table.csv_type]: len(table.rows) for table in export.tables}
    transitions = {(row["Workflow"], row["Machine name"]) for row in rows(export, "workflow_transitions")}

    assert measured == {name: count["rows"] for name, count in counts.items() if count["rows"]}
    assert len(transitions) == counts["WorkflowTransitions"]["entities"]


SAME_ORDER_AND_WORDS = {
    "bundles": (),
    "fields": ("Settings/notes",),
    "view_modes": (),
    "menus": (),
    "image_styles": ("Notes",),
    "image_effects": ("Summary",),
    "responsive_image_styles": (),
    "views": (),
    "view_displays": ("Notes",),
    "workflows": (),
    "workflow_states": (),
    "workflow_transitions": (),
    "user_roles": ("Notes",),
}
"""Columns in which this reader says more, or follows Drupal where the spreadsheets' maker did not."""


@pytest.mark.parametrize("csv_type", SAME_ORDER_AND_WORDS)
@pytest.mark.parametrize("site", SITES)
def test_a_real_export_says_what_its_spreadsheets_say(site: str, csv_type: str) -> None:
    expected = csv_rows(site, csv_type)
    read_rows = rows(export_of(site), csv_type)

    assert len(read_rows) == len(expected)
    for ours, theirs in zip(read_rows, expected, strict=True):
        compared = theirs.keys() - set(SAME_ORDER_AND_WORDS[csv_type])
        assert {column: ours[column] for column in compared} == {column: theirs[column] for column in compared}


def test_field_notes_of_a_real_export_differ_only_by_the_views_that_filter() -> None:
    for site in SITES:
        ours = [
            re.sub(r"(; )?Filtered by view \w+", "", row["Settings/notes"]) for row in rows(export_of(site), "fields")
        ]
        assert ours == [row["Settings/notes"] for row in csv_rows(site, "fields")]


Edge = tuple[str, str, str]
"""(rule, from, to)"""


@pytest.mark.parametrize("site", SITES)
def test_resolved_by_label_a_real_export_has_the_edges_of_its_spreadsheets(site: str) -> None:
    stated = json.loads(spec(site, "_dependencies_from_csv.json").read_text(encoding="utf-8"))
    export = export_of(site)
    expected = {
        (edge["rule"].split()[0], edge["from"][1], edge["to"][1])
        for edge in stated
        if not edge["rule"].startswith(("D4", "D11"))
    }
    effects = Counter(edge["to"][1] for edge in stated if edge["rule"].startswith("D4"))
    styles = {row["Style name"]: row["Machine name"] for row in rows(export, "image_styles")}

    assert set(edges_by_label(export)) == expected
    assert Counter(styles[row["Image style"]] for row in rows(export, "image_effects")) == effects


def edges_by_label(export: ConfigExport) -> Iterable[Edge]:
    """The rules D1 to D9 of the data's README, except D4, whose effects have no name."""
    yield from field_edges(export)
    yield from media_edges(export)
    yield from workflow_edges(export)
    bundles = bundle_ids(export)
    views = {row["View name"]: row["Machine name"] for row in rows(export, "views")}
    for row in rows(export, "view_displays"):
        yield "D3", f"{row['View ID']}.{row['Machine name']}", views[row["View"]]
    entity_types = {
        row["Type"]: bundles[f"{row['Name']} ({row['Type']})"].split(".")[0] for row in rows(export, "bundles")
    }
    for row in rows(export, "view_modes"):
        for label in row["Entities Used On"].split(", "):
            if target := bundles.get(f"{label} ({row['Entity Type']})"):
                yield "D6", f"{entity_types[row['Entity Type']]}.{row['Machine name']}", target


def bundle_ids(export: ConfigExport) -> dict[str, str]:
    words = {
        "Content type": "node",
        "Vocabulary": "taxonomy_term",
        "Media type": "media",
        "Paragraph type": "paragraph",
        "Custom block type": "block_content",
    }
    return {
        f"{row['Name']} ({row['Type']})": f"{words[row['Type']]}.{row['Machine name']}"
        for row in rows(export, "bundles")
    }


def field_edges(export: ConfigExport) -> Iterable[Edge]:
    bundles = bundle_ids(export)
    for row in rows(export, "fields"):
        field = f"{bundles[row['Bundle']]}.{row['Machine name']}"
        yield "D1", field, bundles[row["Bundle"]]
        for token in re.findall(r"(?:^|, )(.+? \([^()]*\))", row["Ref. bundle"]):
            if token in bundles:
                yield "D2", field, bundles[token]


def media_edges(export: ConfigExport) -> Iterable[Edge]:
    styles = {row["Style name"]: row["Machine name"] for row in rows(export, "image_styles")}
    for row in rows(export, "responsive_image_styles"):
        for label in {row["Fallback Style"], *row["Image Style Group(s)"].split(", ")}:
            yield "D5", row["Machine Name"], styles[label]


def workflow_edges(export: ConfigExport) -> Iterable[Edge]:
    bundles = bundle_ids(export)
    workflows = {row["Label"]: row["Machine name"] for row in rows(export, "workflows")}
    states = {
        (row["Workflow"], row["Label"]): f"{workflows[row['Workflow']]}.{row['Machine name']}"
        for row in rows(export, "workflow_states")
    }
    for row in rows(export, "workflows"):
        for token in row["Notes"].removeprefix("Used on: ").split(", "):
            if token:
                yield "D9", row["Machine name"], bundles[token]
    for key, state in states.items():
        yield "D7", state, workflows[key[0]]
    for row in rows(export, "workflow_transitions"):
        transition = f"{workflows[row['Workflow']]}.{row['Machine name']}"
        yield "D8", transition, workflows[row["Workflow"]]
        yield "D8", transition, states[row["Workflow"], row["From state"]]
        yield "D8", transition, states[row["Workflow"], row["To state"]]
