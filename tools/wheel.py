"""Hatchling's build hook: a wheel carries the built front ends, and none is made without them."""

from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = {
    "widget": ("frame.html", "guest.html", "livedesk.js", "selftest.html"),
    "agent_console": ("index.html",),
}
"""Front end → the files without which its `dist` is no build."""
INSTALLED = "server/frontends"
"""Where `server.http.pages` looks for them in an installed package."""


class FrontEnds(BuildHookInterface[BuilderConfig]):
    """Runs before a wheel, and before the source archive that a wheel may be made from."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Refuse without the builds, and take them into the wheel. An editable install reads the checkout."""
        if version == "editable":
            return
        for app, needed in BUILT.items():
            folder = Path(self.root) / app / "dist"
            for name in needed:
                if not (folder / name).is_file():
                    self.app.abort(
                        f"The front end `{app}` is not built ({app}/dist/{name} is missing): "
                        "run `./run python -m tools.frontends` before packaging."
                    )
            if self.target_name == "wheel":
                build_data["force_include"][str(folder)] = f"{INSTALLED}/{app}"
