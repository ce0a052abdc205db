"""Drupal's plugin ids in the words of the Spec Tool's drop-down lists.

What is not listed keeps its id, which a developer can look up; a guess would be worse.
"""

from typing import Final

FIELD_TYPES: Final = {
    "address": "Address",
    "boolean": "Boolean",
    "color_field_type": "Color",
    "comment": "Comments",
    "commerce_price": "Price",
    "daterange": "Date range",
    "datetime": "Date",
    "decimal": "Number (decimal)",
    "email": "Email",
    "entity_reference": "Entity reference",
    "entity_reference_revisions": "Entity reference revisions",
    "file": "File",
    "float": "Number (float)",
    "geofield": "Geofield",
    "image": "Image",
    "integer": "Number (integer)",
    "language": "Language",
    "layout_section": "Layout Section",
    "link": "Link",
    "list_float": "List (float)",
    "list_integer": "List (integer)",
    "list_string": "List (text)",
    "metatag": "Meta tags",
    "path": "Path",
    "smartdate": "Smart date range",
    "string": "Text (plain)",
    "string_long": "Text (plain, long)",
    "telephone": "Telephone number",
    "text": "Text (formatted)",
    "text_long": "Text (formatted, long)",
    "text_with_summary": "Text (formatted, long, with summary)",
    "timestamp": "Timestamp",
    "uri": "URI",
    "viewsreference": "Views reference",
    "webform": "Webform",
}

WIDGETS: Final = {
    "address_default": "Address",
    "boolean_checkbox": "Single on/off checkbox",
    "comment_default": "Comment",
    "daterange_datelist": "Select list",
    "daterange_default": "Date and time range",
    "datetime_datelist": "Select list",
    "datetime_default": "Date and time",
    "datetime_timestamp": "Datetime Timestamp",
    "email_default": "Email",
    "entity_browser_entity_reference": "Entity browser",
    "entity_reference_autocomplete": "Autocomplete",
    "entity_reference_autocomplete_tags": "Autocomplete (Tags style)",
    "entity_reference_paragraphs": "Paragraphs Legacy",
    "file_generic": "File",
    "image_image": "Image",
    "image_widget_crop": "ImageWidget crop",
    "inline_entity_form_complex": "Inline entity form - Complex",
    "inline_entity_form_simple": "Inline entity form - Simple",
    "language_select": "Language select",
    "layout_builder_widget": "Layout Builder Widget",
    "link_default": "Link",
    "linkit": "Linkit",
    "media_library_widget": "Media library",
    "metatag_firehose": "Advanced meta tags form",
    "number": "Number field",
    "oembed_textfield": "oEmbed URL",
    "options_buttons": "Check boxes/radio buttons",
    "options_select": "Select list",
    "paragraphs": "Paragraphs (stable)",
    "smartdate_default": "Smart Date",
    "string_textarea": "Text area (multiple rows)",
    "string_textfield": "Textfield",
    "telephone_default": "Telephone number",
    "text_textarea": "Text area (multiple rows)",
    "text_textarea_with_summary": "Text area with a summary",
    "text_textfield": "Text field",
    "uri": "URI field",
}

DISABLED_WIDGET: Final = "-- Disabled --"

MEDIA_SOURCES: Final = {
    "audio_file": "Audio file",
    "file": "File",
    "image": "Image",
    "video_file": "Video file",
}

BASE_TABLES: Final = {
    "block_content_field_data": "Custom Block",
    "block_content_field_revision": "Custom Block revisions",
    "comment_field_data": "Comments",
    "file_managed": "Files",
    "media_field_data": "Media",
    "media_field_revision": "Media revisions",
    "node_field_data": "Content",
    "node_field_revision": "Content revisions",
    "paragraphs_item_field_data": "Paragraphs",
    "taxonomy_term_field_data": "Taxonomy terms",
    "users_field_data": "Users",
    "watchdog": "Log entries",
}

DISPLAY_PLUGINS: Final = {
    "attachment": "Attachment",
    "block": "Block",
    "data_export": "Data export",
    "default": "Default",
    "embed": "Embed",
    "entity_browser": "Entity browser",
    "entity_reference": "Entity Reference",
    "feed": "Feed",
    "page": "Page",
    "rest_export": "REST export",
}

IMAGE_EFFECTS: Final = {
    "crop_crop": "Manual crop",
    "focal_point_crop": "Focal Point Crop",
    "focal_point_scale_and_crop": "Focal Point Scale and Crop",
    "image_convert": "Convert",
    "image_convert_avif": "Convert to AVIF",
    "image_crop": "Crop",
    "image_desaturate": "Desaturate",
    "image_resize": "Resize",
    "image_rotate": "Rotate",
    "image_scale": "Scale",
    "image_scale_and_crop": "Scale and crop",
}

WORKFLOW_TYPES: Final = {"content_moderation": "Content moderation"}


def word(words: dict[str, str], plugin_id: str) -> str:
    return words.get(plugin_id, plugin_id)
