"""The pool of test accounts: what is read, everything that is wrong with it at once, and never a value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import piekwacht
from config import ConfigError
from config.commands import Exit
from journeys import Account, Identities
from loadtests.accounts import Pool, check_enough, needing, pool_of, read_pool
from loadtests.lending import NOBODY, Lending
from loadtests.plan import Plan, PlanError
from loadtests.tenancy import Tenancy
from tests.crowd import few_numbers, greet, plan, registered

GOOD = "bsn,password,app,pin\n999990019,hunter2,phone-1,12345\n999990020,hunter3,phone-2,54321\n"

COLUMNS = "bsn,password,app,pin,partner_app,partner_pin"
NO_ACCOUNT = f"1: found no account, expected at least one, below the header {COLUMNS}"
NO_COLUMNS = f"1: found a header without bsn, password, app, pin, expected the columns {COLUMNS}"
OTHER_COLUMNS = f"1: found other columns, or one twice, expected the columns {COLUMNS}"
MANY_MISTAKES = """\
bsn,password,app,pin
99999001,hunter2,a,1
123456782,hunter2,b,1
999990018,hunter2,c,1
999990019,hunter2,d
999990019,hunter2,e,1
999990019,,e,1
"""


@pytest.fixture
def read(tmp_path: Path):
    """Return what `read_pool` makes of a text, or the lines it says, without the folder."""
    path = tmp_path / "pool.csv"

    def read(text: str | bytes, *needed: str) -> Pool | list[str]:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        try:
            return read_pool(f"file:{path}", needed or ("bsn", "password", "app", "pin"))
        except ConfigError as error:
            return [str(problem).removeprefix(f"{tmp_path}/") for problem in error.problems]

    return read


def test_accounts_are_read_in_their_order(read):
    """Columns may stand in any order; blank lines, a byte order mark and other line ends do no harm."""
    pool = read(GOOD)
    assert [account.bsn for account in pool.accounts] == ["999990019", "999990020"]
    assert pool.accounts[0] == ("999990019", "hunter2", "phone-1", "12345", "", "")
    other = "\ufeffpin,bsn,app,password\r\n\r\n12345,999990019,phone-1,hunter2\r\n54321,999990020,phone-2,hunter3\r\n"
    assert read(other) == pool
    assert read(other).digest == pool.digest


def test_a_pool_says_nothing_of_its_accounts(read):
    """Neither does a traceback that shows it."""
    assert repr(read(GOOD)) == "Pool of 2 accounts"


def test_another_order_is_another_pool(read):
    """The place of an account in the file is what engines speak of."""
    head, first, second = GOOD.splitlines()
    assert read("\n".join([head, second, first])).digest != read(GOOD).digest


def test_columns_that_no_journey_uses_may_be_missing_or_empty(read):
    """For log-ins by SMS number and password do."""
    assert len(read("bsn,password\n999990019,hunter2\n", "bsn", "password")) == 1
    assert len(read("bsn,password,app,pin\n999990019,hunter2,,\n999990020,hunter2,,\n", "bsn", "password")) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", [NO_ACCOUNT]),
        ("bsn,password,app,pin\n", [NO_ACCOUNT]),
        ("999990019,hunter2,a,1\n", [NO_COLUMNS]),
        ("bsn;password;app;pin\n", [NO_COLUMNS]),
        ("bsn,password,app,pin,hunter2\n", [OTHER_COLUMNS]),
        ("bsn,password,app,pin,pin\n", [OTHER_COLUMNS]),
        (b"bsn,password,app,pin\n\xff", ["2: found bytes that are not UTF-8, expected CSV in UTF-8"]),
        ('bsn,password,app,pin\n999990019,"hunter2,a,1\n', ["2: found broken quotation marks, expected CSV"]),
        (
            MANY_MISTAKES,
            [
                "2: bsn: found no number of nine digits, expected a test number such as 999990019",
                "3: bsn: found a number that may be a real person's, expected a test number, which begins with 999",
                "4: bsn: found a number that fails the 11-test, expected a test number such as 999990019",
                "5: found 3 values, expected 4, one for each column of the header",
                "7: app: found the same as on line 6, expected each account once",
                "7: bsn: found the same as on line 6, expected each account once",
                "7: password: found nothing, expected a value, for journeys of this run use it",
            ],
        ),
    ],
)  # fmt: skip
def test_everything_wrong_is_told_at_once_and_no_value(read, text, says):
    """File, line, column, and what would be right."""
    said = read(text)
    assert said == [f"pool.csv:{line}" for line in says]
    assert not any(value in str(said) for value in ("hunter", "123456782", "phone"))


def test_a_pool_that_is_not_there(tmp_path, monkeypatch):
    """Neither the file nor the variable."""
    with pytest.raises(ConfigError, match=r"pool\.csv:1: found No such file or directory, expected test accounts"):
        read_pool(f"file:{tmp_path}/pool.csv")
    monkeypatch.delenv("NO_POOL", raising=False)
    with pytest.raises(ConfigError, match="environment variable NO_POOL:1: found it is not set, expected"):
        read_pool("env:NO_POOL")


def test_a_pool_in_a_variable(monkeypatch):
    """As some platforms hand out secrets."""
    monkeypatch.setenv("POOL", GOOD)
    assert len(read_pool("env:POOL")) == 2


def planned(
    monkeypatch: pytest.MonkeyPatch, accounts: int, citizens: int = 10, seconds: float = 1.0, **settings
) -> Plan:
    """Plan citizens, evenly, with a pool of so many accounts."""
    identities = Identities(7)
    lines = [",".join(identities.account(number)) for number in range(accounts)]
    monkeypatch.setenv("POOL", "\n".join([",".join(Account._fields), *lines]))
    environment = {"secrets": {"pool": "env:POOL"}, "accounts": {"secret": "pool", **settings}}
    return plan("http://127.0.0.1:9", citizens=citizens, seconds=seconds, environment=environment)


def test_the_plan_names_the_pool_and_holds_none_of_it(monkeypatch):
    """It is sent to workers and written to reports."""
    with registered(greet):
        the_plan = planned(monkeypatch, 3)
        text, pool = the_plan.model_dump_json(), pool_of(the_plan)
    assert "env:POOL" in text
    assert not any(account.bsn in text for account in pool.accounts)
    assert Plan.model_validate_json(text).environment.accounts.secret == "pool"


def test_too_few_accounts_to_use_each_once_are_told_before_the_run(monkeypatch):
    """With both numbers and the moment: ten arrivals lie 0.1 s apart, so the eighth comes at 0.75 s."""
    with registered(greet):
        enough = planned(monkeypatch, 10, use="once")
        check_enough(enough, pool_of(enough))
        scarce = planned(monkeypatch, 7, use="once", seconds=100.0)
        with pytest.raises(
            PlanError, match=r"10 arrivals need an account of their own and the pool has 7: .* 00:01:15"
        ):
            check_enough(scarce, pool_of(scarce))


def test_too_few_accounts_for_their_rest_are_told_before_the_run(monkeypatch):
    """Ten arrivals lie 10 s apart: within 29 s there are three."""
    with registered(greet):
        fine = planned(monkeypatch, 3, cool_down="29s", seconds=100.0)
        three = pool_of(fine)
        check_enough(fine, three)
        scarce = planned(monkeypatch, 2, cool_down="29s", seconds=100.0)
        with pytest.raises(
            PlanError, match="3 arrivals need an account within the 29 s up to 00:00:25: with a cool_down"
        ):
            check_enough(scarce, pool_of(scarce))
        with pytest.raises(PlanError, match="at one of 2 processes, which has 1 of the 3"):
            check_enough(scarce, three, processes=2)
        unknown = planned(monkeypatch, 1, seconds=100.0)
        check_enough(unknown, pool_of(unknown))


def test_who_reads_the_website_needs_no_account(monkeypatch):
    """And counts for nothing in what is computed before a run."""
    with registered(greet):
        some = planned(monkeypatch, 2, citizens=6)
    visits = Plan.model_validate_json(some.model_dump_json().replace('"journey":"test"', '"journey":"visit-website"'))
    assert not needing(visits).any()
    lending = Lending(visits, pool_of(visits))
    assert [lending.take(number, 0.0) for number in range(6)] == [NOBODY] * 6


def test_used_once_the_n_th_arrival_has_the_n_th_account(monkeypatch):
    """In every engine, whichever lanes it has; beyond the last there is none."""
    with registered(greet):
        the_plan = planned(monkeypatch, 4, use="once")
        pool = pool_of(the_plan)
        one, other = Lending(the_plan, pool, []), Lending(the_plan, pool, [1, 3])
    for lending in (one, other):
        taken = [lending.take(number, 0.0) for number in (2, 0, 3, 4)]
        assert taken == [pool.accounts[2], pool.accounts[0], pool.accounts[3], None]
        lending.give_back(2, 0.0)
        assert lending.settle(1.0) == []


def without_pool(citizens: int, visitors: int = 0) -> Plan:
    """Plan citizens whose accounts are generated, and among them visitors of the website, who need none."""
    split = [("test", citizens), ("visit-website", visitors)]
    shares = [{"journey": name, "share": count / (citizens + visitors)} for name, count in split if count]
    everyone = plan("http://127.0.0.1:9", citizens=citizens + visitors, seconds=1.0).model_dump(mode="json")
    everyone["campaign"]["streams"]["all"]["split"] = shares
    return Plan.model_validate(everyone)


def test_with_numbers_for_all_the_n_th_arrival_has_the_n_th_generated_account(monkeypatch):
    """There is no pool, and the seed fixes who everybody is."""
    few_numbers(monkeypatch, 10)
    with registered(greet):
        the_plan = without_pool(10)
        assert pool_of(the_plan) is None
        lending = Lending(the_plan)
        identities = Identities(the_plan.seed)
        assert [lending.take(number, 0.0) for number in range(10)] == list(map(identities.account, range(10)))


def test_with_more_arrivals_than_numbers_the_generated_accounts_are_leased(monkeypatch):
    """Who finds none free gets none; whoever comes after one was given back gets that."""
    few_numbers(monkeypatch, 10)
    with registered(greet):
        the_plan = without_pool(11)
        pool = pool_of(the_plan)
        check_enough(the_plan, pool)
        lending = Lending(the_plan, pool)
        taken = [lending.take(number, 0.0) for number in range(10)]
        assert set(taken) == set(pool.accounts) == set(map(Identities(the_plan.seed).account, range(10)))
        assert lending.take(10, 0.0) is None
        lending.give_back(3, 1.0)
        assert lending.take(10, 1.0) == taken[3]


def test_visitors_of_the_website_use_up_no_generated_number(monkeypatch):
    """Numbers that suffice for those who log in are theirs in their order, in every engine, and need not come back."""
    few_numbers(monkeypatch, 10)
    with registered(greet):
        the_plan = without_pool(10, visitors=10)
        pool, wanted = pool_of(the_plan), needing(the_plan)
        for lending in (Lending(the_plan, pool, []), Lending(the_plan, pool, [1, 3])):
            taken = [lending.take(int(number), 0.0) for number in np.flatnonzero(wanted)]
            assert taken == list(map(Identities(the_plan.seed).account, range(10)))
            assert lending.take(int(np.flatnonzero(~wanted)[0]), 0.0) == NOBODY
    assert pool_of(without_pool(0, visitors=20)) is None


def test_processes_own_different_generated_accounts(monkeypatch):
    """Together they have all of them, and know by the digest that they mean the same."""
    few_numbers(monkeypatch, 10)
    with registered(greet):
        the_plan = without_pool(11)
        pools = [pool_of(the_plan) for _ in range(2)]
        assert pools[0].digest == pools[1].digest != pool_of(the_plan.model_copy(update={"seed": 2})).digest
        owned = Tenancy(len(pools[0])).begin([1, 2]).values()
        engines = [Lending(the_plan, pool, own) for pool, own in zip(pools, owned, strict=True)]
        one, other = ({lending.take(number, 0.0) for number in range(5)} for lending in engines)
        assert [lending.take(5, 0.0) for lending in engines] == [None, None]
    assert len(one) == len(other) == 5
    assert one | other == set(pools[0].accounts)


def test_generated_accounts_are_written_in_the_form_that_is_read(tmp_path):
    """As many as asked for, all different, and no more than there are."""
    path = tmp_path / "pool.csv"
    done = CliRunner().invoke(piekwacht.app, ["load", "accounts", "--count", "500", "--out", str(path)])
    assert done.exit_code == Exit.GOOD
    assert len(read_pool(f"file:{path}")) == 500
    done = CliRunner().invoke(piekwacht.app, ["load", "accounts", "--count", "99999999", "--out", str(path)])
    assert done.exit_code == Exit.USAGE
    assert "there are" in done.stderr
