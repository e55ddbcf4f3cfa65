"""How a post's file is asked for: each site's pace, name and manners, and only its own hosts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from lorabake.collect.sites import SITES
from lorabake.core.http import Web

if TYPE_CHECKING:
    from lorabake.collect.post import Post


class Ways:
    """One Web for each site, so that each is asked at its own pace."""

    def __init__(
        self, on_wait: Callable[[float, str], None], should_stop: Callable[[], bool]
    ) -> None:
        self._on_wait = on_wait
        self._should_stop = should_stop
        self._webs: dict[str, Web] = {}
        self._guard = threading.Lock()

    @property
    def web(self) -> Web:
        """For searches, which keep each site's pace themselves."""
        return Web(should_stop=self._should_stop, on_wait=self._on_wait)

    def __call__(self, post: Post) -> tuple[Web, Mapping[str, str]]:
        site = SITES[post.site]
        with self._guard:
            web = self._webs.get(site.name)
            if web is None:
                web = self._webs[site.name] = Web(
                    pace=site.pause,
                    timeout=(10.0, 15.0),
                    tries=3,
                    should_stop=self._should_stop,
                    on_wait=self._on_wait,
                    allowed=lambda host: site.serves(f"https://{host}/"),
                )
        return web, {"User-Agent": site.user_agent, **site.headers}
