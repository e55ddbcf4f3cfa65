"""What can be done to the tags of a caption, one small pure function each, in one fixed order.

What is rewritten and removed comes first, then what is added, so that nothing removes what was
just added; then cleaning up, which sees the caption as it will be; then how it looks.
"""

from __future__ import annotations

from lorabake.captions.groups import CONSOLIDATE
from lorabake.captions.operations.front import ADD, APPEND, EMPHASISE
from lorabake.captions.operations.order import SORT
from lorabake.captions.operations.remove import CATEGORIES_OUT, DUPLICATES, RARE, REMOVE
from lorabake.captions.operations.rewrite import FIND, REPLACE
from lorabake.captions.operations.spelling import SPELLING
from lorabake.captions.redundancy import REDUNDANCY

OPERATIONS = (
    *(FIND, REPLACE, REMOVE, CATEGORIES_OUT),
    *(EMPHASISE, ADD, APPEND),
    *(DUPLICATES, RARE, CONSOLIDATE, REDUNDANCY),
    *(SPELLING, SORT),
)
