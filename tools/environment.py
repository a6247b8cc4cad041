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


def fingerprint(root: Path, python: str) -> str:
    """Changes when the environment must be made anew: another lock, project, folder or Python."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    installed = [project.get("build-system"), project.get("project"), project.get("tool", {}).get("hatch")]
    lock = (root / "requirements.lock").read_text(encoding="utf-8")
    return hashlib.sha256(json.dumps([str(root), python, installed, lock]).encode()).hexdigest()


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
            elif line.startswith(("Installing collected", "ERROR", "Successfully")):
                say("  " + line.strip()[:100])
    if running.returncode:
        raise SystemExit(f"run: the packages could not be installed (pip ended with {running.returncode}).")
    editable = [*pip, "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    if subprocess.run(editable, stdin=subprocess.DEVNULL, cwd=ROOT, check=False).returncode:
        raise SystemExit("run: the project itself could not be installed into its environment.")


def main() -> None:
    stamp = ENVIRONMENT / "livedesk-stamp"
    python = ENVIRONMENT / "bin" / "python"
    wanted = fingerprint(ROOT, sys.version)
    if stamp.is_file() and stamp.read_text() == wanted and python.exists():
        return
    ENVIRONMENT.mkdir(exist_ok=True)
    with (ENVIRONMENT / "livedesk-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands started at once make one environment
        if stamp.is_file() and stamp.read_text() == wanted and python.exists():
            return
        stamp.unlink(missing_ok=True)
        say(f"Making the environment with Python {sys.version.split()[0]} ...")
        venv.EnvBuilder(with_pip=False, symlinks=True).create(ENVIRONMENT)
        install(python)
        stamp.write_text(wanted)


if __name__ == "__main__":
    main()
