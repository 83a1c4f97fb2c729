"""A chapter of a page, played from its first block to its last in one shell."""

from tests.docs.book import Chapter
from tests.docs.worlds import World


def play(chapter: Chapter, world: World) -> None:
    """Raises AssertionError at the first command that does or prints something else than the page says."""
    with world.shell() as shell:
        for block in chapter.blocks:
            if block.why_not is None:
                shell.play(block)
            else:
                _stand_in(block.text, world)


def record(chapter: Chapter, world: World) -> str:
    """The chapter's text with what this run printed."""
    text = chapter.text
    with world.shell() as shell:
        for block in chapter.blocks:
            if block.why_not is None:
                text = text.replace(f"\n{block.text}```", f"\n{shell.record(block)}```", 1)
            else:
                _stand_in(block.text, world)
    return text


def _stand_in(text: str, world: World) -> None:
    """What the block would have done, by other means, where what follows needs it."""
    for word, work in world.stand_ins.items():
        if word in text:
            work()
