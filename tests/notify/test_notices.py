"""The beginning and the end of a finding are each sent once."""

from hypothesis import given
from hypothesis import strategies as st

from shared.notify.notices import Notice, NoticeState, mark_sent, message_of, unsent, update

KEYS = "abcd"


def notices(keys: str) -> list[Notice]:
    return [Notice(key, f"message of {key}", is_error=True) for key in keys]


@given(st.lists(st.tuples(st.sets(st.sampled_from(KEYS)), st.booleans()), max_size=12))
def test_each_beginning_and_end_is_sent_once_even_if_sending_fails(runs: list[tuple[set[str], bool]]) -> None:
    kept: dict[str, NoticeState] = {}
    known: set[str] = set()  # notices whose beginning was sent, but not their end
    for seen, delivered in runs:
        kept = update(kept, notices("".join(sorted(seen))), lambda _key: True)
        began, ended = unsent(kept)
        assert {each.message[-1] for each in began} == seen - known
        assert {each.message[-1] for each in ended} == known - seen
        if delivered:
            kept, known = mark_sent(kept), set(seen)


def test_notice_that_was_not_checked_has_not_ended() -> None:
    kept = mark_sent(update({}, notices("ab"), lambda _key: True))
    _, ended = unsent(update(kept, [], lambda key: key == "a"))
    assert [each.message for each in ended] == ["message of a"]


def test_message_is_short_and_lists_errors_first() -> None:
    kept = {str(number): NoticeState("long " * 200, is_error=number > 30) for number in range(40)}
    title, body = message_of("host", *unsent(kept))
    assert title == "Litekeep on host: 40 began"
    lines = body.splitlines()
    assert len(lines) == 21
    assert lines[0].startswith("❌")
    assert lines[-1] == "and 20 more: litekeep status"
    assert max(map(len, lines)) < 410
