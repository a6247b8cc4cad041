"""`livedesk` whose media processes take everybody: `python -m tests.calls.serving serve`."""

from functools import partial

from server import bootstrap, cli

if __name__ == "__main__":
    setattr(bootstrap, "media_of", partial(bootstrap.media_of, module="tests.media_worker.admitting"))  # noqa: B010
    cli.main()
