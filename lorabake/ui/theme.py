"""Colours and type: calm, warm, the system's own faces. Nothing is fetched.

`LIGHT` and `DARK` are the tokens; the CSS variables `--lb-…` and Gradio's own theme are made from
them, so that a colour is written down once.
"""

from __future__ import annotations

from typing import Any

from gradio.themes import Base, Color, Size

LIGHT = {
    "page": "#FBF7F2",
    "surface": "#FFFFFF",
    "sunken": "#F4EDE5",
    "ink": "#2B2320",
    "muted": "#65574F",
    "line": "#E6DBD0",
    "edge": "#94857A",  # borders of inputs: 3:1 against the surface
    "accent": "#A64B14",
    "accent-hover": "#8C3E0F",
    "on-accent": "#FFFFFF",
    "tint": "#F9EBE0",  # a quiet fill of the accent
    "ok": "#2A7048",
    "warn": "#865A00",
    "bad": "#B3261E",
    "info": "#2C5A8A",
}
DARK = {
    "page": "#1A1614",
    "surface": "#241F1C",
    "sunken": "#15110F",
    "ink": "#F3ECE6",
    "muted": "#BBADA3",
    "line": "#3A322D",
    "edge": "#7D7067",
    "accent": "#F0A36B",
    "accent-hover": "#F6B98C",
    "on-accent": "#1A1614",
    "tint": "#35271D",
    "ok": "#7CCB9A",
    "warn": "#E6B84D",
    "bad": "#FF8F85",
    "info": "#8FB8E8",
}
# The same colours stand for the same kinds of tag and for the runs in plots.
TAGS = {
    "general": ("#1F5FA8", "#8FBCEF"),
    "character": ("#1E7A3C", "#7FD49B"),
    "copyright": ("#8A2BA8", "#D9A3EE"),
    "artist": ("#B3261E", "#FF9A91"),
    "meta": ("#8A5A00", "#E6C06A"),
    "rating": ("#5B5B5B", "#C4BCB6"),
    "trigger": ("#A64B14", "#F0A36B"),
}

SANS = ("system-ui", "-apple-system", "Segoe UI", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Consolas", "DejaVu Sans Mono", "monospace")


def tokens_css() -> str:
    """The tokens as CSS variables, for the page's own parts."""
    light = {**LIGHT, **{f"tag-{name}": pair[0] for name, pair in TAGS.items()}}
    dark = {**DARK, **{f"tag-{name}": pair[1] for name, pair in TAGS.items()}}
    fonts = f"--lb-sans:{_faces(SANS)};--lb-mono:{_faces(MONO)};"
    return (
        f":root{{color-scheme:light;{fonts}{_variables(light)}}}"
        f".dark{{color-scheme:dark;{_variables(dark)}}}"
    )


def contrast(first: str, second: str) -> float:
    """WCAG contrast ratio of two `#RRGGBB` colours, 1 to 21."""
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def make_theme() -> Base:
    """Gradio's theme in our colours."""
    theme = Base(
        primary_hue=_ramp("accent"),
        secondary_hue=_ramp("accent"),
        neutral_hue=_neutral(),
        spacing_size=Size("1px", "2px", "4px", "8px", "12px", "16px", "24px"),
        radius_size=Size("2px", "4px", "6px", "6px", "10px", "10px", "16px"),
        text_size=Size("12px", "13px", "14px", "15px", "17px", "20px", "24px"),
        font=list(SANS),
        font_mono=list(MONO),
    )
    values: dict[str, Any] = {}
    for name, token in _GRADIO.items():
        values[name] = LIGHT.get(token, token)
        if token in DARK:
            values[f"{name}_dark"] = DARK[token]
    return theme.set(**values)


def _variables(tokens: dict[str, str]) -> str:
    return "".join(f"--lb-{name}:{value};" for name, value in tokens.items())


def _faces(names: tuple[str, ...]) -> str:
    return ",".join(f"'{name}'" if " " in name else name for name in names)


def _luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _ramp(token: str) -> Color:
    """Gradio wants eleven shades; what we do not set ourselves falls back to the accent."""
    light, dark = LIGHT[token], DARK[token]
    shades = [LIGHT["tint"], LIGHT["tint"], *[dark] * 3, *[light] * 5, DARK["tint"]]
    return Color(*shades)


def _neutral() -> Color:
    return Color(
        LIGHT["page"],
        LIGHT["sunken"],
        LIGHT["line"],
        "#D5C7BA",
        DARK["muted"],
        LIGHT["edge"],
        LIGHT["muted"],
        DARK["line"],
        DARK["surface"],
        DARK["page"],
        DARK["sunken"],
        "flour",
    )


_GRADIO = {
    "body_background_fill": "page",
    "body_text_color": "ink",
    "body_text_color_subdued": "muted",
    "body_text_size": "15px",
    "background_fill_primary": "surface",
    "background_fill_secondary": "sunken",
    "border_color_primary": "line",
    "border_color_accent": "accent",
    "color_accent_soft": "tint",
    "link_text_color": "accent",
    "link_text_color_hover": "accent-hover",
    "link_text_color_active": "accent",
    "link_text_color_visited": "accent",
    "accordion_text_color": "ink",
    "table_text_color": "ink",
    "block_background_fill": "surface",
    "block_border_color": "line",
    "block_border_width": "0px",
    "block_info_text_color": "muted",
    "block_info_text_size": "13px",
    "block_label_background_fill": "surface",
    "block_label_border_color": "line",
    "block_label_text_color": "muted",
    "block_title_text_color": "ink",
    "block_title_text_size": "14px",
    "block_title_text_weight": "600",
    "block_padding": "0px",
    "block_radius": "10px",
    "block_shadow": "none",
    "form_gap_width": "0px",
    "layout_gap": "16px",
    "shadow_drop": "none",
    "shadow_drop_lg": "none",
    "checkbox_background_color": "surface",
    "checkbox_background_color_hover": "surface",
    "checkbox_background_color_focus": "surface",
    "checkbox_background_color_selected": "accent",
    "checkbox_border_color": "edge",
    "checkbox_border_color_focus": "accent",
    "checkbox_border_color_hover": "accent",
    "checkbox_border_color_selected": "accent",
    "checkbox_label_background_fill": "surface",
    "checkbox_label_background_fill_hover": "sunken",
    "checkbox_label_background_fill_selected": "tint",
    "checkbox_label_text_color": "ink",
    "checkbox_label_text_color_selected": "ink",
    "checkbox_label_border_color": "line",
    "error_background_fill": "surface",
    "error_border_color": "bad",
    "error_text_color": "bad",
    "error_icon_color": "bad",
    "input_background_fill": "surface",
    "input_background_fill_focus": "surface",
    "input_background_fill_hover": "surface",
    "input_border_color": "edge",
    "input_border_color_focus": "accent",
    "input_border_color_hover": "muted",
    "input_border_width": "1px",
    "input_padding": "8px 10px",
    "input_placeholder_color": "muted",
    "input_radius": "6px",
    "input_shadow": "none",
    "input_shadow_focus": "none",
    "input_text_size": "15px",
    "loader_color": "accent",
    "slider_color": "accent",
    "stat_background_fill": "tint",
    "table_border_color": "line",
    "table_even_background_fill": "surface",
    "table_odd_background_fill": "surface",
    "table_row_focus": "tint",
    "button_large_padding": "10px 18px",
    "button_large_radius": "8px",
    "button_large_text_size": "15px",
    "button_large_text_weight": "600",
    "button_medium_padding": "7px 14px",
    "button_medium_radius": "8px",
    "button_medium_text_size": "15px",
    "button_medium_text_weight": "600",
    "button_small_padding": "5px 10px",
    "button_small_radius": "6px",
    "button_small_text_size": "14px",
    "button_small_text_weight": "500",
    "button_border_width": "1px",
    "button_primary_background_fill": "accent",
    "button_primary_background_fill_hover": "accent-hover",
    "button_primary_border_color": "accent",
    "button_primary_border_color_hover": "accent-hover",
    "button_primary_text_color": "on-accent",
    "button_primary_text_color_hover": "on-accent",
    "button_primary_shadow": "none",
    "button_secondary_background_fill": "surface",
    "button_secondary_background_fill_hover": "sunken",
    "button_secondary_border_color": "edge",
    "button_secondary_border_color_hover": "muted",
    "button_secondary_text_color": "ink",
    "button_secondary_text_color_hover": "ink",
    "button_secondary_shadow": "none",
    "button_cancel_background_fill": "surface",
    "button_cancel_background_fill_hover": "sunken",
    "button_cancel_border_color": "bad",
    "button_cancel_border_color_hover": "bad",
    "button_cancel_text_color": "bad",
    "button_cancel_text_color_hover": "bad",
    "button_transition": "background-color 0.12s ease, border-color 0.12s ease",
}
