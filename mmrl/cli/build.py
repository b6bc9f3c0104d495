"""``mmrl build``: make a dataset folder whose answers are known by construction."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Build a dataset: transit, gui, scenes, video, forms; or import one.",
)

Out = Annotated[Path, typer.Option(help="Folder to write; it must not exist, or hold a dataset and --overwrite.")]
Count = Annotated[int | None, typer.Option(help="Number of questions.")]
Seed = Annotated[int, typer.Option(help="Same config and seed, same bytes. Use another seed for held-out data.")]
Side = Annotated[int | None, typer.Option(help="Pixels.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing dataset folder.")]
Options = Annotated[
    list[str] | None, typer.Argument(help="Further options of the builder as key=value.", show_default=False)
]


@app.command()
def transit(
    out: Out,
    source: Annotated[
        str, typer.Option(help="A feed, file or folder of networks, 'vienna', or 'procedural'.")
    ] = "procedural",
    count: Count = None,
    size: Annotated[int | None, typer.Option(help="Side of the square picture in pixels.")] = None,
    seed: Seed = 0,
    workers: Annotated[
        int | None, typer.Option(help="Processes that draw; all cores where pictures have 1,024 pixels or more.")
    ] = None,
    overwrite: Overwrite = False,
    options: Options = None,
) -> None:
    """Draw transit maps and ask yes/no, counting and route questions.

    [bold]Example[/]: mmrl build transit --source FEED.zip --out data/city --count 500 tasks='[transit/plan]'
    """
    _build("transit", out, overwrite, options, source=source, count=count, size=size, seed=seed, workers=workers)


@app.command()
def gui(
    out: Out,
    pages: Annotated[
        list[str] | None,
        typer.Option(help="Capture real pages: a folder, an address, or a file with one address a line; repeatable."),
    ] = None,
    count: Count = None,
    width: Side = None,
    height: Side = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    options: Options = None,
) -> None:
    """Draw windows of labelled widgets, or capture real pages in a browser, and ask where the named control is.

    [bold]Example[/]: mmrl build gui --out data/gui --count 500 --width 1280 --height 720

    [bold]Example[/]: mmrl build gui --pages site/ --out data/pages views=2 zooms='[1.0, 1.25]'
    """
    given = {"count": count, "width": width, "height": height, "seed": seed}
    _build("gui", out, overwrite, options, pages=pages or None, **given)


@app.command()
def scenes(
    out: Out,
    count: Count = None,
    width: Side = None,
    height: Side = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    options: Options = None,
) -> None:
    """Draw coloured shapes and ask whether, how many, which colour and where.

    [bold]Example[/]: mmrl build scenes --out data/scenes --count 500 max_shapes=6
    """
    _build("scenes", out, overwrite, options, count=count, width=width, height=height, seed=seed)


@app.command()
def video(
    out: Out,
    count: Count = None,
    width: Side = None,
    height: Side = None,
    seed: Seed = 0,
    workers: Annotated[int | None, typer.Option(help="Processes that render; by default one.")] = None,
    overwrite: Overwrite = False,
    options: Options = None,
) -> None:
    """Render clips of shapes that appear, move, collide and change, and ask when, in what order, how often and why.

    [bold]Example[/]: mmrl build video --out data/clips --count 500 seconds=8 fps=4 tasks='[video/localize]'
    """
    given = {"count": count, "width": width, "height": height, "workers": workers}
    _build("video", out, overwrite, options, seed=seed, **given)


@app.command()
def forms(
    source: Annotated[list[str], typer.Option(help="Dataset folder to ask again; repeatable.")],
    out: Out,
    forms: Annotated[str | None, typer.Option(help="Of yes_no, choice and open, joined by commas; none: all.")] = None,
    count: Count = None,
    seed: Seed = 0,
    overwrite: Overwrite = False,
    options: Options = None,
) -> None:
    """Ask the tasks of dataset folders as yes/no, as choice and openly.

    [bold]Example[/]: mmrl build forms --source data/scenes --out data/forms --forms yes_no,choice --count 500
    """
    wanted = [name.strip() for name in forms.split(",")] if forms is not None else None
    _build("forms", out, overwrite, options, source=source, forms=wanted, count=count, seed=seed)


@app.command("import")
def import_(
    out: Out,
    format: Annotated[
        str,
        typer.Option(
            help="screenspot, screenspot_v2, screenspot_pro, osworld_g, mmbench_gui, ui_vision, agentnet, coco, voc or "
            "refcoco (docs/importing.md); of clips charades_sta, activitynet_captions, qvhighlights, nextgqa, "
            "seed_bench_r1, video_r1 or recording (docs/video_building.md)."
        ),
    ],
    data: Annotated[Path, typer.Option(help="Annotations as published: a file, or a folder of them.")],
    media: Annotated[
        Path | None, typer.Option(help="Folder of the pictures or clips; none: where the annotations are.")
    ] = None,
    box_convention: Annotated[
        str | None, typer.Option(help="xywh, xyxy, unit_xyxy or unit_xywh, where the file is not as published.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Terms of use, for the manifest.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Import published annotations of screens, pictures and clips; what has no picture or clip is left out and counted.

    [bold]Example[/]: mmrl build import --format voc --data Annotations --media JPEGImages --out data/voc
    """
    from mmrl.cli.building import import_folder
    from mmrl.progress import progress_bar

    with progress_bar("finding pictures", unit="rows") as progress:
        told = import_folder(
            format,
            data,
            media,
            out,
            progress=progress,
            box_convention=box_convention,
            licence=licence,
            overwrite=overwrite,
        )
    _print(f"{told}\nnext: mmrl check {out}")


def _print(text: str) -> None:
    from rich.console import Console

    Console().print(text, highlight=False, markup=False, soft_wrap=True)


def _build(name: str, out: Path, overwrite: bool, extra: list[str] | None, **given: Any) -> None:
    from mmrl.cli.building import build_folder, parse_options
    from mmrl.data import read_folder
    from mmrl.progress import progress_bar

    options = {key: value for key, value in given.items() if value is not None} | parse_options(extra or [])
    with progress_bar(f"building {name}", unit="views" if "pages" in options else "questions") as progress:
        build_folder(name, options, out, progress=progress, overwrite=overwrite)
    folder = read_folder(out)
    tasks = sorted(Counter(sample.task for sample in folder.samples).items())
    counts = ", ".join(f"{task} {number}" for task, number in tasks)
    source = folder.manifest["source"]  # says also what had to be left out of it
    told = f"{len(folder.samples)} questions in {out}: {counts}\nsource: {source}\nnext: mmrl check {out}"
    _print(told)
