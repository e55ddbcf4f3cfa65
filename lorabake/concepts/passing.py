"""Tags that come and go within one outfit: poses, faces, angles, backgrounds, counts.

They are true of a picture and say nothing about what is worn, so groups of a pile are found without
them. A plain list of the commonest ones of the boards, not a complete one.
"""

from __future__ import annotations

from typing import Final

_COUNTS: Final = (
    "1girl 2girls 3girls 4girls 5girls 6+girls multiple_girls 1boy 2boys multiple_boys 1other solo "
    "solo_focus no_humans"
)
_ANGLES: Final = (
    "from_side from_behind from_above from_below dutch_angle profile facing_away facing_viewer "
    "looking_at_viewer looking_back looking_away looking_to_the_side looking_up looking_down "
    "portrait upper_body cowboy_shot full_body close-up lower_body wide_shot feet_out_of_frame "
    "face_focus head_tilt pov eye_contact"
)
_POSES: Final = (
    "standing sitting lying kneeling squatting walking running jumping leaning_forward leaning_back "
    "on_back on_side on_stomach crossed_legs crossed_arms arms_up arm_up arms_behind_back "
    "arms_behind_head arm_behind_back hand_on_own_hip hand_up hands_up hand_on_own_chest own_hands_together "
    "holding holding_weapon holding_sword holding_staff holding_cup holding_food outstretched_arm "
    "outstretched_arms reaching v peace_sign pointing waving contrapposto wariza seiza stretching "
    "fighting_stance floating standing_on_one_leg spread_legs legs_apart knees_up straddling"
)
_FACES: Final = (
    "smile grin smirk open_mouth closed_mouth parted_lips closed_eyes one_eye_closed half-closed_eyes "
    "blush light_blush tongue tongue_out teeth fang clenched_teeth frown angry sad crying tears "
    "surprised embarrassed expressionless serious laughing :d :o :3 ^_^ ;d wink light_smile sweat "
    "sweatdrop v-shaped_eyebrows raised_eyebrows wide-eyed shy pout"
)
_PLACES: Final = (
    "simple_background white_background grey_background black_background blue_background "
    "pink_background gradient_background transparent_background two-tone_background outdoors indoors "
    "sky blue_sky cloud day night sunset water ocean beach tree grass flower petals window bed chair "
    "couch building city forest snow rain moon star_(sky) sunlight depth_of_field blurry "
    "blurry_background blurry_foreground bokeh lens_flare sparkle border motion_blur"
)
_MAKING: Final = (
    "signature watermark artist_name dated twitter_username web_address english_text speech_bubble "
    "text_focus official_art absurdres highres lowres commission monochrome greyscale sketch "
    "traditional_media comic 4koma general sensitive questionable explicit"
)

PASSING: Final = frozenset(" ".join((_COUNTS, _ANGLES, _POSES, _FACES, _PLACES, _MAKING)).split())
"""Keys of core.tags.tag_key."""
_ENDINGS: Final = ("_background", "_focus", "_artwork")
_BEGINNINGS: Final = ("looking_", "holding_", "hand_on_", "hands_on_", "artist:")


def is_passing(tag: str) -> bool:
    """tag: a key of core.tags.tag_key."""
    return tag in PASSING or tag.endswith(_ENDINGS) or tag.startswith(_BEGINNINGS)
