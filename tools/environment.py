"""Makes `.venv` from `requirements.lock` and this project, and does nothing when both are as they were.

Runs under any Python >= 3.11 with the standard library alone. The environment gets its pip from the wheel in
`tools/pip`: Debian and Ubuntu ship a Python without `ensurepip`.
"""

import fcntl
import hashlib
import json
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
PIP_WHEEL = next((ROOT / "tools" / "pip").glob("pip-*.whl"))


def say(line: str) -> None:
    """Progress goes to standard error: standard output belongs to the command that `run` was given."""
    print(line, file=sys.stderr, flush=True)


def fingerprint(root: Path) -> str:
    """Changes when something else is to be installed: another lock, or another project description."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    described = [project.get("build-system"), project.get("project"), project.get("tool", {}).get("hatch")]
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    return hashlib.sha256(json.dumps([described, lock]).encode()).hexdigest()


def install(python: Path) -> None:
    """Install exactly the locked requirements, each checked by its hash, then the project itself, editable.

    Lines of pip's own talk are counted, not shown: they are what progress there is.
    """
    pip = [str(python), str(PIP_WHEEL / "pip"), "--disable-pip-version-check", "--no-input", "install"]
    wanted = LOCK.read_text(encoding="utf-8").count("==")
    say(f"Installing {wanted} locked packages into {ENVIRONMENT.name} (a minute or two, once) ...")
    command = [*pip, "--require-hashes", "--requirement", str(LOCK)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=ROOT
    ) as running:
        seen = 0
        for line in running.stdout or ():
            if line.startswith(("Collecting ", "Requirement already satisfied: ")):
                seen += 1
                if seen % 20 == 0:
                    say(f"  {seen} of about {wanted} packages found")
            elif line.startswith("Installing collected packages"):
                say("  all found, unpacking them")
    if running.returncode:
        raise SystemExit(f"run: the packages could not be installed (pip ended with {running.returncode}).")
    editable = [*pip, "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    if subprocess.run(editable, stdin=subprocess.DEVNULL, cwd=ROOT, check=False).returncode:
        raise SystemExit("run: the project itself could not be installed into its environment.")


def works(python: Path) -> bool:
    """Whether this Python starts: it stops doing so when the one it was made from is removed."""
    try:
        return subprocess.run([python, "-c", ""], stdin=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def main() -> None:
    stamp = ENVIRONMENT / "livedesk-stamp"
    python = ENVIRONMENT / "bin" / "python"
    # An environment that moves to another folder, or gets another Python, is made from nothing.
    place = f"{ROOT} {sys.version_info.major}.{sys.version_info.minor}"
    wanted = f"{place}\n{fingerprint(ROOT)}\n"

    def made_for() -> str:
        return stamp.read_text() if stamp.is_file() and works(python) else ""

    if made_for() == wanted:
        return
    with LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands at once make one environment
        before = made_for()
        if before == wanted:
            return
        stamp.unlink(missing_ok=True)
        say(f"Making the environment with Python {sys.version.split()[0]} ...")
        venv.EnvBuilder(clear=not before.startswith(place), symlinks=True).create(ENVIRONMENT)
        install(python)
        stamp.write_text(wanted)


if __name__ == "__main__":
    main()
