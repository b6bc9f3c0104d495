"""The range of TRL that this package is written against, refused at import when it is another one.

The trainer overrides TRL's private hooks, whose signatures move between minor versions, so the range is narrow; the
tests compare the signature of every overridden hook with the one expected here.
"""

from __future__ import annotations

from packaging.version import Version

from mmrl.errors import DependencyError

TRL_FROM = "1.16"
TRL_BELOW = "1.17"


def require_trl(installed: str | None) -> None:
    """Refuse a missing TRL (None) or one outside the supported range.

    Raises:
        DependencyError: names the range, what was found and the command that installs a supported version.
    """
    if installed is not None and Version(TRL_FROM) <= Version(installed) < Version(TRL_BELOW):
        return
    found = "none installed" if installed is None else installed
    wanted = f"trl>={TRL_FROM},<{TRL_BELOW}"
    raise DependencyError(f"mmrl.trainer needs {wanted}; found {found}; run: pip install '{wanted}'")


def installed_trl() -> str | None:
    """Return the version that TRL, once imported, says it has; None where it cannot be imported."""
    try:
        import trl
    except ModuleNotFoundError as error:
        if error.name != "trl":  # something that TRL needs is missing, which its own words say better
            raise
        return None
    return str(trl.__version__)


require_trl(installed_trl())
