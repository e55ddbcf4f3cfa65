"""Booru tags: what kind each is, how common, what else it is called, what it implies; completion."""

from lorabake.core.vocabulary.entries import Entry, Suggestion
from lorabake.core.vocabulary.places import open_vocabulary, remember_tagger_lists, tag_lists_dir
from lorabake.core.vocabulary.vocabulary import OwnTags, Vocabulary

__all__ = [
    "Entry",
    "OwnTags",
    "Suggestion",
    "Vocabulary",
    "open_vocabulary",
    "remember_tagger_lists",
    "tag_lists_dir",
]
