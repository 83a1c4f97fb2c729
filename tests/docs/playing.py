"""Plays a chapter of a page in one shell, from its first block to its last."""

from tests.docs.book import Chapter
from tests.docs.worlds import World


def play(chapter: Chapter, world: World) -> None:
    """Runs the chapter. Raises AssertionError at the first command whose output or exit code differs from the page."""
    with world.shell() as shell:
        for block in chapter.blocks:
            if block.why_not is None:
                shell.play(block)
            else:
                _stand_in(block.text, world)


def record(chapter: Chapter, world: World) -> str:
    """Returns the chapter's text with the output of this run."""
    text = chapter.text
    with world.shell() as shell:
        for block in chapter.blocks:
            if block.why_not is None:
                text = text.replace(f"\n{block.text}```", f"\n{shell.record(block)}```", 1)
            else:
                _stand_in(block.text, world)
    return text


def _stand_in(text: str, world: World) -> None:
    """Does the work of a block that is not run, if later blocks need it."""
    for word, work in world.stand_ins.items():
        if word in text:
            work()
