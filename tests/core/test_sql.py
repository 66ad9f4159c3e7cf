"""Every statement of a query is looked at; only a plain SELECT reads (I16)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.core.sql import understood
from handrail.core.unwrap import inside


def tier(text):
    return int(inside("db_reader", {"sql": text}).tier)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "select id, subject from tickets where id = 3",
        "SELECT TOP 5 * FROM [tickets] WHERE x LIKE 'a%'",
        "select count(*), lower(subject) from dbo.tickets t group by 2 having count(*) > 1",
        "with a as (select * from tickets) select * from a order by 1 limit 3",
        "select a from tickets union all select b from tasks",
        "select * from tickets t join alerts a on a.id = t.id",
        "(select 1)",
    ],
)
def test_a_plain_select_of_known_tables_reads(text):
    assert tier(text) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example",
        "drop table tickets",
        "select 1; drop table tickets",
        "select 1; update tickets set a = 1",
        "with a as (delete from tickets returning *) select * from a",
        "select * into x from tickets",
        "select * from tickets for update",
        "select pg_sleep(3)",
        "select * from dblink('x', 'delete')",
        "select nextval('x')",
        "select * from read_csv('x')",
        "exec xp_cmdshell 'dir'",
        "call x()",
        "show tables",
        "explain delete from tickets",
        "begin; commit",
        "values (1)",
        "set x = 1",
        "select 1 /*! ; drop table x */",
        "select 1 -- x",
        "select 'a\\' from tickets",
        "select @x := 3",
        "select x[1] from tickets",
        "select `a` from tickets",
        "select a from b into outfile 'x'",
        "select (" * 400,
    ],
)
def test_I16_anything_else_takes_a_person(text):
    assert tier(text) == 3


@pytest.mark.parametrize(
    "text",
    [
        "select * from frobs",
        "select * from patients",
        "select * from tickets join secrets on 1 = 1",
        "select id from tickets where id in (select id from mailboxes_messages)",
        "select password from tickets",
        "select * from tickets where ssn = '1'",
    ],
)
def test_I16_reading_grave_or_unknown_tables_takes_a_person(text):
    assert tier(text) == 3


def test_a_name_that_the_query_gives_is_no_table():
    query = understood("with secrets as (select id from tickets) select id from secrets")

    assert query is not None
    assert query.tables == ("tickets",)


@given(
    st.lists(
        st.sampled_from(["select 1", "select id from tickets", "select * from alerts"]),
        max_size=3,
    ),
    st.sampled_from(["drop table x", "delete from tickets", "update t set a = 1", "grant a to b"]),
    st.integers(0, 3),
)
def test_I17_a_change_among_reads_is_found(reads, bad, at):
    assert tier("; ".join([*reads[:at], bad, *reads[at:]])) == 3


@given(st.text(max_size=120))
def test_I16_no_text_crashes_it(text):
    assert tier(text) in {1, 2, 3}
