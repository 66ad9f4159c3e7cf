"""Windows against the obvious: a list of what was admitted, walked for every question."""

from hypothesis import given
from hypothesis import strategies as st

from handrail.store.windows import LONGEST, Admission, Windows

MINUTE = 60_000_000
names = st.lists(st.sampled_from("abcdefgh"), max_size=3).map(tuple)
steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("admit"),
            st.integers(0, 400),
            st.sets(st.sampled_from(["s", "t", "u"]), min_size=1).map(tuple),
            names,
            names,
        ),
        st.just(("keep",)),
        st.just(("back",)),
        st.tuples(st.just("ask"), st.sampled_from(["s", "t", "u"]), st.integers(0, 1_440)),
    ),
    max_size=60,
)


@given(steps)
def test_I25_windows_say_what_a_list_would(steps):
    windows, kept, batch, now = Windows(), [], [], 10**15
    for step in steps:
        match step:
            case ("admit", minutes, scopes, clients, targets):
                now += minutes * MINUTE
                one = Admission(now, scopes, clients, targets)
                windows.admit(one)
                batch.append(one)
            case ("keep",):
                windows.keep(now)
                kept, batch = kept + batch, []
            case ("back",):
                windows.back(0)
                batch = []
            case ("ask", scope, minutes):
                since = now - minutes * MINUTE
                hits = [a for a in kept + batch if a.at >= since and scope in a.scopes]
                assert windows.count(scope, since) == len(hits)
                assert windows.touched(scope, since) == (
                    {c for a in hits for c in a.clients},
                    {t for a in hits for t in a.targets},
                )


def test_what_is_older_than_the_longest_window_is_let_go():
    windows = Windows()
    for n in range(5_000):
        windows.admit(Admission(n * MINUTE, ("busy", f"once:{n}"), (f"c{n}",), ()))
        windows.keep(n * MINUTE)

    day = LONGEST // MINUTE
    assert len(windows._scopes) <= day + 2
    assert len(windows._scopes["busy"].times) < day + 1_100
    assert len(windows._scopes["busy"].clients) < day + 1_100


def test_what_a_batch_added_last_goes_back_first():
    windows = Windows()
    windows.admit(Admission(1, ("s",), ("a",), ()))
    mark = windows.mark()
    windows.admit(Admission(2, ("s",), ("b",), ()))
    windows.back(mark)

    assert windows.touched("s", 0) == ({"a"}, frozenset())
