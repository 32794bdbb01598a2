"""The commands: words in, a verb, its events and figures out. No logic, and no PyTorch until a verb needs it."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import click

from lamina import __version__
from lamina.verbs import VERBS

if TYPE_CHECKING:  # pathlib and json cost a third of `lamina --help`
    from collections.abc import Callable
    from pathlib import Path

Words = tuple[str, ...]


class _PathWord(click.ParamType[Any]):
    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Path:
        from pathlib import Path

        return Path(value)


PATH = _PathWord()
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class _Group(click.Group):
    """Shows Lamina's errors as three parts, with their exit code, and never a traceback."""

    def invoke(self, context: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # the name of a file may hold bytes that are no text
        try:
            return super().invoke(context)
        except click.exceptions.Exit:
            raise
        except KeyboardInterrupt:
            _say("stopped without saving.")
            context.exit(130)
        except Exception as error:
            code = 1 if _is_of_the_machine(error) else getattr(error, "exit_code", None)
            if code is None or isinstance(error, click.ClickException):
                raise
            _say(f"expected a file that can be read and written; came `{error}`. Check name, rights and room."
                 if _is_of_the_machine(error) else str(error))
            context.exit(code)


def _is_of_the_machine(error: Exception) -> bool:
    """A disk, a file or a right that failed; a reader of our output that went away is no failure."""
    return isinstance(error, OSError) and not isinstance(error, BrokenPipeError)


def _say(text: str) -> None:
    click.echo(f"lamina: {text}", err=True)


@click.group(cls=_Group, context_settings=SETTINGS)
@click.version_option(__version__, message="%(version)s")
def main() -> None:
    """Practical deep learning for one person with data and a question."""  # the overview itself is cli.py's


def _shared(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every verb has."""
    command = click.option("--json", "as_json", is_flag=True, help="The result as one JSON object on the last line.")(command)
    return click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")(command)


@main.command("look", help=VERBS["look"], context_settings=SETTINGS)
@click.argument("data", metavar="DATA|RUN")
@click.argument("words", nargs=-1, metavar="[KNOB=VALUE]...")
@click.option("--target", default="", metavar="COLUMN", help="The column of a table to predict.")
@click.option("--group", default="", metavar="COLUMN", help="Rows with the same value here stay in the same split.")
@click.option("--time", default="", metavar="COLUMN", help="Train on the earlier rows by this column, test on the latest.")
@click.option("--out", type=PATH, metavar="FOLDER", help="Where `look.html` goes; RUN or looks/DATA if left out.")
@_shared
def look(data: str, words: Words, out: Path | None, as_json: bool, device: str, **columns: Any) -> None:
    from lamina import terminal
    from lamina.core.config import words_of
    from lamina.verbs.look import keep
    from lamina.verbs.look import look as find

    screen = terminal.Screen(as_json)
    found = find(data, device=device, **(words_of(words) | {name: column for name, column in columns.items() if column}))
    screen.look(found, keep(found, out))


@main.command("train", help=VERBS["train"], context_settings=SETTINGS)
@click.argument("data", required=False)
@click.argument("words", nargs=-1, metavar="[KNOB=VALUE]...")
@click.option("--task", default="", help="The question; worked out from the data if left out.")
@click.option("--model", default="", help="The architecture: see `lamina list models`.")
@click.option("--method", default="", help="What makes it learn: see `lamina list methods`.")
@click.option("--target", default="", metavar="COLUMN", help="The column of a table to predict.")
@click.option("--group", default="", metavar="COLUMN", help="Rows with the same value here stay in the same split.")
@click.option("--time", default="", metavar="COLUMN", help="Train on the earlier rows by this column, test on the latest.")
@click.option("--allow-refused", default="", metavar="SHARE", help="Share of files or rows that may be refused; 0.05 if left out.")
@click.option("--for", "duration", default="", metavar="10m", help="Time allowed: 90s, 10m, 2h.")
@click.option("--until", multiple=True, metavar="FIGURE=VALUE", help="Stop when the validation split reaches this.")
@click.option("--seed", default=0, show_default=True, help="Every draw follows from it.")
@click.option("--out", type=PATH, help="The run folder; runs/DATA-N if left out.")
@click.option("--resume", type=PATH, metavar="RUN", help="Continue a run where it stopped.")
@click.option("--from", "warm_start", default="", metavar="none|RUN|FILE", help="Weights to start from: none, a run, a .pt file.")
@click.option("--gate", default="", metavar="ask|stop|warn", help="Where an agent's reward leaves its true goal; ask if left out.")
@click.option("--dry", is_flag=True, help="Show the plan and stop.")
@click.option("--knobs", is_flag=True, help="List the knobs with their defaults and stop.")
@_shared
def train(data: str | None, words: Words, resume: Path | None, dry: bool, knobs: bool, as_json: bool, **options: Any) -> None:
    from lamina import terminal
    from lamina.verbs.ask import refuse_beside_resume, request_of
    from lamina.verbs.train import plan
    from lamina.verbs.train import resume as continue_run
    from lamina.verbs.train import train as fit

    screen = terminal.Screen(as_json)
    if resume is not None:
        named = data if data is not None and data.endswith(".py") else ""  # code of the user's runs only where it is named
        refuse_beside_resume({"DATA": None if named else data, "KNOB=VALUE": words, "dry": dry, "knobs": knobs} | options)
        screen.finish(continue_run(resume, screen.watcher(), named=named))
        return
    if data is None:
        raise click.UsageError("Name the data: lamina train mnist. `lamina list datasets` shows what is built in.")
    request = request_of(data, words, options)
    if knobs:
        screen.knobs(request)
    elif dry:
        screen.plan(*plan(request))
    else:
        screen.finish(fit(request, screen.watcher()))


@main.command("evaluate", help=VERBS["evaluate"], context_settings=SETTINGS)
@click.argument("run", type=PATH)
@click.argument("data", type=PATH, required=False)
@click.option("--episodes", type=click.IntRange(2), default=None, help="How many episodes a run that acts plays; 100 if left out.")
@_shared
def evaluate(run: Path, data: Path | None, episodes: int | None, as_json: bool, device: str) -> None:
    from lamina import terminal
    from lamina.verbs.evaluate import evaluate as look

    terminal.Screen(as_json).evaluation(run, look(run, data, device, episodes or 0))


@main.command("predict", help=VERBS["predict"], context_settings={**SETTINGS, "ignore_unknown_options": True})  # a row may begin with -0.5
@click.argument("run", type=PATH)
@click.argument("inputs", nargs=-1, required=True, metavar="FILE|FOLDER|GLOB|ROW|-...")
@click.option("--out", type=PATH, metavar="FOLDER", help="Where pictures that are predicted go; RUN/predictions if left out.")
@click.option("--csv", "as_csv", is_flag=True, help="The answers as CSV: the input, then a column for each part of the answer.")
@click.option("--smooth", default=0.0, metavar="SHARE", help="Of a video's masks: how much of the last frame stays, 0 to 0.95.")
@click.option("--why", is_flag=True, help="What each answer leans on: places of a picture, columns or words; and the nearest photos.")
@_shared
def predict(run: Path, inputs: Words, as_csv: bool, as_json: bool, **options: Any) -> None:
    from lamina import terminal
    from lamina.verbs.predict import Wish
    from lamina.verbs.predict import predict as answer

    options["explain"] = options.pop("why")
    if as_csv and (as_json or options["explain"]):
        raise click.UsageError("Choose one of --csv, --json and --why.")
    if not 0 <= options["smooth"] <= 0.95:
        raise click.UsageError("--smooth is a share from 0 to 0.95.")
    screen = terminal.Screen(as_json or as_csv)
    found = answer(run, inputs, Wish(**options))
    if as_csv:
        screen.csv([(one.name, one.prediction) for one in found])
    else:
        screen.predictions(found)


@main.command("play", help=VERBS["play"], context_settings=SETTINGS)
@click.argument("what", metavar="RUN|GAME|ENVIRONMENT")
@click.argument("words", nargs=-1, metavar="[KNOB=VALUE|my_game.py|my_env.py]...")
@click.option("--second", is_flag=True, help="Let the other side begin.")
@click.option("--steer", is_flag=True, help="Steer in the place of a run's agent; what you reach stands in its report.")
@click.option("--seed", default=0, show_default=True, help="Every draw of the other side, or of the environment, follows from it.")
@_shared
def play(what: str, words: Words, as_json: bool, **options: Any) -> None:
    from lamina import terminal
    from lamina.verbs.play import Table
    from lamina.verbs.play import play as sit_down

    screen = terminal.Screen(as_json)
    screen.played(sit_down(Table(what, words, screen.say, screen.hear, **options, **screen.stage())))


@main.command("compare", help=VERBS["compare"], context_settings=SETTINGS)
@click.argument("runs", nargs=-1, required=True, type=PATH, metavar="RUN...")
@click.option("--picture", default=None, type=PATH, metavar="FILE.svg", help="Draw how they learned; runs that differ by seed together.")
@_shared
def compare(runs: tuple[Path, ...], picture: Path | None, as_json: bool, device: str) -> None:
    from lamina import terminal
    from lamina.verbs.compare import compare as beside

    terminal.Screen(as_json).comparison(beside(runs, device, picture))


@main.command("report", help=VERBS["report"], context_settings=SETTINGS)
@click.argument("run", type=PATH)
@_shared
def report(run: Path, as_json: bool, device: str) -> None:
    from lamina import terminal
    from lamina.verbs.report import report as write

    terminal.Screen(as_json).report(write(run))


@main.command("list", help=VERBS["list"], context_settings=SETTINGS)
@click.argument("what", required=False, default="")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def list_names(what: str, as_json: bool) -> None:
    from lamina.verbs.names import names

    found = names(what)
    if as_json:
        import json

        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for kind, rows in found.items():
        click.echo(f"{kind}:")
        for name, line in rows.items():
            click.echo(f"  {name:<24}{line}")
