"""Runs that have come to their end, for tests of what is shown of them; how a worker trains one is tests/runs'."""

from contextlib import closing
from dataclasses import replace

from explorer import runs
from explorer.runs.settings import settings
from explorer.runs.store import Store
from explorer.runs.worker import work
from explorer.text import clean_text


def trained(*about, **more):
    """A run, trained by this process as a worker would train it: to start a worker takes seconds.

    Args:
        about: of a runs.RunRequest.
        more: of it, too.

    """
    request = runs.RunRequest(*about, **more)
    with closing(Store(settings().data, follows=False)) as store:
        run = replace(runs.new_run(request), text=store.files.keep_text(clean_text(request.text)))
        store.add(run)
        work(store, store.begin(run.id))
    return runs.run(run.id)
