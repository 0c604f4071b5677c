"""What a person has chosen: kept in the session, and written into the address of the page.

The session is the truth. The address is read when a session begins and when the person goes back or forward in the
browser's history, and written at the end of every run of every page. A link that is opened elsewhere therefore shows
the same, and no change of page loses anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from explorer.cells import CELLS, gate_titles
from explorer.pages.shell import session
from explorer.pages.shell.plain import plain
from explorer.words import Saying, say

GATES, GRADIENTS, TRAIN, PROBLEMS, SERIES = "gates", "gradients", "train", "problems", "series"
CELL, OPEN, LESSONS = "cell", "open", "lessons"
ICONS = {
    GATES: ":material/grid_on:", CELL: ":material/schema:", GRADIENTS: ":material/timeline:", TRAIN: ":material/model_training:",
    PROBLEMS: ":material/extension:", SERIES: ":material/show_chart:", OPEN: ":material/folder_open:",
    LESSONS: ":material/school:",
}  # fmt: skip


class Choice(NamedTuple):
    """Where one thing can be chosen. What it is called is `choice.<key>` in the words.

    Attributes:
        pages: where it is chosen. There, it is in the address only while it is on the page.
        elsewhere: whether the addresses of the other pages carry it too.

    """

    pages: tuple[str, ...] = (GATES, CELL, GRADIENTS)
    elsewhere: bool = True


ALTERED = (GATES, GRADIENTS)  # where a model can be altered, and seen beside another
HOLD, NUMBERS_HOLD = "hold_", "numbers_hold_"  # begin the choice of a gate's value, on most pages and on Numbers
# The letters of what can be changed at one step of a cell, by what it is.
CHANGED = {
    "before": tuple(dict.fromkeys(part for cell in CELLS.values() for part in cell.state)),
    "bias": tuple(dict.fromkeys(part for cell in CELLS.values() for part in cell.stacked)),
    "own": tuple(dict.fromkeys(part for cell in CELLS.values() if cell.recurrent for part in cell.stacked)),
    "hold": tuple(gate_titles()),
}
# Everything that an address can hold, in the order in which it does.
CHOICES = {
    "lang": Choice(tuple(ICONS)),
    "model": Choice(),
    "epoch": Choice(),
    "layer": Choice(),
    "net": Choice(),
    **{f"{HOLD}{letter}": Choice(ALTERED) for letter in gate_titles()},
    **{of: Choice(ALTERED) for of in ("keep_bias", "recurrent", "read_as", "unit_held", "shown")},
    "sentence": Choice(),
    "order": Choice((GATES,)),
    "colour": Choice((GATES,)),
    "unit": Choice((GATES, CELL)),
    "at": Choice((CELL,), elsewhere=False),
    "at_x": Choice((CELL,), elsewhere=False),
    "at_variant": Choice((CELL,), elsewhere=False),
    **{
        f"at_{what}_{letter}": Choice((CELL,), elsewhere=False)
        for what, letters in CHANGED.items()
        for letter in letters
    },
    "book": Choice((CELL,), elsewhere=False),
    "all_units": Choice((GATES,)),
    "temperature": Choice((GATES,)),
    "beside": Choice(ALTERED),
    "kind": Choice(ALTERED),
    "second": Choice(ALTERED),
    "own_epoch": Choice(ALTERED),
    "second_epoch": Choice(ALTERED),
    "part": Choice((GRADIENTS,)),
    "row": Choice((GRADIENTS,)),
    "cut": Choice((GRADIENTS,)),
    "sigma": Choice((GRADIENTS,)),
    "weights": Choice((GRADIENTS,)),
    "eigen": Choice((GRADIENTS,)),
    "theta": Choice((GRADIENTS,)),
    "problem": Choice((PROBLEMS,), elsewhere=False),
    "problem_length": Choice((PROBLEMS,), elsewhere=False),
    "problem_cells": Choice((PROBLEMS,), elsewhere=False),
    **{
        f"numbers{of}": Choice((SERIES,), elsewhere=False)
        for of in ("", "_target", "_horizon", "_cell", "_units", "_length", "_steps", "_rate", "_theta", "_unit")
    },
    **{f"{NUMBERS_HOLD}{letter}": Choice((SERIES,), elsewhere=False) for letter in gate_titles()},
    **{of: Choice((LESSONS,), elsewhere=False) for of in ("lesson", "step", "class")},
    # Anyone with a run's id can see it: only the page that shows the run hands its id on.
    "run": Choice((TRAIN,), elsewhere=False),
}
ALWAYS = ("lang",)  # no address that does not name one takes it back
ON_REQUEST = "sentence"  # in the address only when the person says so
REQUEST = "in_link"
SHOWN_CHARACTERS = 60


class Named(str):
    """A value as an address spells it, not yet looked up among what can be chosen."""

    __slots__ = ()


@dataclass
class _State:
    """What a session has chosen.

    Attributes:
        page: the page that is shown.
        values: what differs from its default.
        seen: what the page shows, defaults included, as far as this run has come.
        shown: what the last run showed.
        mounted: keys of the widgets that the browser shows already.
        absent: choices that their page did not show when it was last complete.
        arrived: what differed from its default when the person came to the page.
        problems: sentences about what an address named in vain; they stand until the person chooses something.
        offered: addresses of links to other models, which are followed when one of them is clicked.

    """

    page: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict)
    mounted: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    arrived: frozenset[str] = frozenset()
    problems: list[str] = field(default_factory=list)
    offered: list[tuple[str, dict[str, str]]] = field(default_factory=list)


def _state() -> _State:
    state: _State = session.kept("chosen", None) or _State()
    session.fill_once({"chosen": state})
    return state


def read(page: str) -> None:
    """Begin a run of a page: take what the address names, if it was typed, opened, offered, or gone back to."""
    begins = not session.kept("chosen", None)
    state = _state()
    context = get_script_run_ctx()
    goes_back = context is not None and context.is_history_navigation
    named = st.query_params.to_dict()
    comes = state.page != page
    if begins or goes_back or (comes and (page, named) in state.offered):
        _follow(state, named, page)
    state.mounted |= state.seen.keys()
    if begins or goes_back or comes:
        state.arrived, state.mounted = frozenset(state.values), set()
    state.shown |= state.seen
    state.page, state.seen = page, {}


def _follow(state: _State, named: Mapping[str, str], page: str) -> None:
    # What an address does not hold without being asked, or never, stays as it is; everything else is as the address says.
    elsewhere = {key for key, choice in CHOICES.items() if not choice.elsewhere and page not in choice.pages}
    stays = {ON_REQUEST, *elsewhere, *ALWAYS}
    if page == LESSONS != state.page and "class" in state.values and "class" not in named:
        stays |= {"class", "lesson", "step"}  # a class is left by its button, and not by going back to its page
    kept = {key: value for key, value in state.values.items() if key not in CHOICES or key in stays}
    state.values = kept | {key: Named(value) for key, value in named.items() if key in CHOICES}
    state.values[REQUEST] = ON_REQUEST in named
    state.problems = []


def offer(page: str, label: str, **values: str) -> None:
    """A link to another page that shows something else there than what is chosen now.

    Args:
        page: where it leads.
        label: what it says.
        values: what is chosen there, by name; everything else that the page's address can hold has its default.

    """
    chosen = _state().values
    values = {key: written(chosen[key]) for key in ALWAYS if key in chosen} | values
    if (page, values) not in _state().offered:
        _state().offered.append((page, values))
    st.page_link(f"scripts/{page}.py", label=label, icon=ICONS[page], query_params=values)


def address(page: str) -> dict[str, str]:
    """What stands in the address of a page, by name."""
    state = _state()
    values = state.values | ({ON_REQUEST: state.seen[ON_REQUEST]} if ON_REQUEST in state.seen else {})
    if (
        ON_REQUEST in values
        and ON_REQUEST not in state.absent
        and values.get(REQUEST)
        and (model := shown("model")) is not None
    ):
        values |= {"model": model}  # the one to open on is another in another language, and would read it otherwise
    return {
        key: written(values[key])
        for key, choice in CHOICES.items()
        if key in values
        and key not in state.absent
        and (choice.elsewhere or page in choice.pages)
        and (key != ON_REQUEST or values.get(REQUEST))
        and values[key] != []  # nothing has no spelling
    }


def write(*, complete: bool = False) -> None:
    """Put what is chosen into the address.

    Args:
        complete: the page has shown every control it has for now.

    """
    state = _state()
    if complete:
        state.mounted = set()
        own = {key for key, choice in CHOICES.items() if state.page in choice.pages}
        state.absent = (state.absent - own) | (own - state.seen.keys())
        for key in own - state.seen.keys():
            if isinstance(value := state.values.get(key), Named):
                _refuse(key, value, Saying("link.left-out"))
                del state.values[key]
    wanted = address(state.page)
    if wanted != st.query_params.to_dict():
        st.query_params.from_dict(wanted)


def problems() -> list[str]:
    """What the address named in vain, as sentences in markdown."""
    return _state().problems


def written(value: Any) -> str:
    """A value as the address spells it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(written, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def ready(key: str, default: Any, options: Sequence[Any] | None = None) -> Any:
    """What is chosen, put under its key for the widget that is about to be made.

    Args:
        key: of the widget.
        default: what is chosen where nobody has chosen.
        options: what can be chosen; None for any text.

    """
    state = _state()
    value = state.values.get(key, default)
    if options is not None and value not in options:
        found = [option for option in options if isinstance(value, Named) and _spells(value, option)]
        if isinstance(value, Named) and not found:
            _refuse(key, value, Saying("link.not-here", {"shown": plain(written(default))}))
        value = found[0] if found else default
    elif isinstance(value, Named):
        value = str(value)
    if value == default:
        state.values.pop(key, None)
    else:
        state.values[key] = value
    state.seen[key] = value
    # Only a value that is set anew is sent to the browser. One that is not would undo what is typed meanwhile.
    if key not in state.mounted or session.kept(key, None) != value:
        session.fill({key: value})
    return value


def ready_several(key: str, default: Sequence[str], options: Sequence[str], most: int) -> list[str]:
    """The same of a widget that holds several words, which the address has between commas.

    Args:
        key: of the widget.
        default: what is chosen where nobody has chosen.
        options: what can be chosen.
        most: how many of them.

    """
    state = _state()
    value = state.values.get(key, default)
    asked = list(dict.fromkeys(value.split(","))) if isinstance(value, Named) else list(value)
    found = [word for word in asked if word in options][:most]
    if isinstance(value, Named):
        shown = found or list(default)
        if len(found) < len(asked):
            _refuse(key, value, Saying("link.not-here", {"shown": plain(written(shown))}))
        found = shown
    state.values[key] = found
    chosen: list[str] = ready(key, list(default))
    return chosen


def _spells(named: str, option: Any) -> bool:
    try:
        return named == written(option) or math.isclose(float(named), float(option), rel_tol=1e-6)
    except (TypeError, ValueError):
        return False


def noun(key: str) -> str:
    """What a sentence calls a choice."""
    if key.startswith((HOLD, NUMBERS_HOLD)):
        return say("choice.hold", gate=gate_titles()[key.rpartition("_")[2]])
    kind, _, letter = key.removeprefix("at_").partition("_")
    if letter in CHANGED.get(kind, ()):
        name = key.removesuffix(f"_{letter}").replace("_", "-")
        return say(f"choice.{name}", letter=letter)
    return say(f"choice.{key.replace('_', '-')}")


def _refuse(key: str, value: str, what: Saying) -> None:
    cut = value if len(value) <= SHOWN_CHARACTERS else f"{value[:SHOWN_CHARACTERS]}…"
    sentence = say("link.named", noun=noun(key), value=plain(cut), what=what)
    if sentence not in _state().problems:
        _state().problems.append(sentence)


def take(key: str) -> None:
    """Keep what the person has just chosen with a widget: its `on_change`."""
    take_values({key: session.kept(key, None)})


def take_values(values: Mapping[str, Any]) -> None:
    """Keep several things that one act of the person chose."""
    _state().values |= values
    _state().problems.clear()


def put(key: str, value: Any) -> None:
    """Choose a value."""
    _state().values[key] = value


def drop(*keys: str) -> None:
    """Go back to the defaults."""
    for key in keys:
        _state().values.pop(key, None)


def everything() -> dict[str, Any]:
    """All that is chosen, to come back to it."""
    return dict(_state().values)


def go_back_to(values: Mapping[str, Any]) -> None:
    """Choose what was chosen once, and nothing else."""
    _state().values = dict(values)
    _state().problems.clear()


def named(key: str) -> Any:
    """What is chosen or named by the address, looked up or not; None for the default."""
    return _state().values.get(key)


def shown(key: str) -> Any:
    """What the page shows, chosen or not; None where it has not shown any yet."""
    state = _state()
    return state.values.get(key, state.seen.get(key, state.shown.get(key)))


def earlier(key: str) -> Any:
    """What was chosen or named in earlier runs of the session, before this one has read its address; None for nothing."""
    state: _State | None = session.kept("chosen", None)
    return None if state is None else state.values.get(key)


def at_arrival(*keys: str) -> bool:
    """Whether one of these was chosen already when the person came to this page."""
    return not _state().arrived.isdisjoint(keys)


def opened_run() -> str | None:
    """The run that the page Train shows; None for the controls of a new one."""
    value = named("run")
    _state().seen["run"] = value
    return None if value is None else str(value)


def open_run(run_id: str | None) -> None:
    """Show a run, whose id is then in the address of the page; None goes back to the controls of a new one."""
    close_run()
    if run_id is not None:
        put("run", run_id)
    st.rerun()


def close_run() -> None:
    """Take the run out of the address of the page."""
    drop("run")
